// The command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace tcpperf::app {

enum class Command { kRun, kCheckConfig, kListProbes, kMetricDocs, kConfigurationDocs };
enum class LogFormat { kText, kJson };

struct Options {
  Command command = Command::kRun;
  std::string config_file = "/etc/tcpperf/tcpperf.yaml";
  std::vector<std::string> listen_addresses;  // as given; empty only with systemd_socket
  bool systemd_socket = false;
  std::string web_config_file;  // empty: none
  std::string log_level = "info";
  LogFormat log_format = LogFormat::kText;
};

struct ParsedOptions {
  std::optional<Options> options;  // nullopt: leave with exit_code, what was to be said has been printed
  int exit_code = 0;
};

// Prints help, version or a usage error itself, as the command line's own business.
ParsedOptions parse_options(int argc, const char* const* argv);

}  // namespace tcpperf::app

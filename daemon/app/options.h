// The command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace tcpperf::app {

// What `--help` ends with.
inline constexpr const char* kExamples = R"(tcpperfd --config.file=/etc/tcpperf/tcpperf.yaml
tcpperfd --config.check --config.file=new.yaml       # is this file good?
tcpperfd --web.listen-address=127.0.0.1:9436 --web.listen-address=[::1]:9436
tcpperfd --config.check --web.config.file=web.yaml   # and this one?
curl localhost:9435/metrics
)";
inline constexpr const char* kSignals = "SIGHUP reloads both configurations and reopens files; SIGTERM ends.";
inline constexpr const char* kExitCodes = "0 after SIGTERM or a good check, 1 on failure, 2 on wrong usage.";

enum class Command {
  kRun,
  kCheckConfig,
  kListProbes,
  kMetricDocs,
  kConfigurationDocs,
  kDaemonManual,
  kConfigurationManual,
  kBashCompletion,
  kZshCompletion,
};
enum class LogFormat { kText, kJson };

struct Options {
  Command command = Command::kRun;
  std::string config_file = "/etc/tcpperf/tcpperf.yaml";
  bool config_file_given = false;
  std::vector<std::string> listen_addresses;  // as given; empty only with systemd_socket
  bool systemd_socket = false;
  std::string web_config_file;  // empty: none
  std::string log_level = "info";
  LogFormat log_format = LogFormat::kText;
};

inline constexpr const char* kFileValue = "FILE";

// An option, for the documents.
struct OptionRow {
  std::string name;                  // "--config.file"
  std::string short_name;            // "-h"; empty: has none
  std::string value;                 // what its value is called; empty: has none
  std::vector<std::string> choices;  // the values it may have; empty: any
  std::string fallback;              // what holds without it, where that is one value
  std::string meaning;
  bool repeatable = false;
  bool command = false;  // does this instead of running
};

struct ParsedOptions {
  std::optional<Options> options;  // nullopt: leave with exit_code, what was to be said has been printed
  int exit_code = 0;
  std::vector<OptionRow> known{};  // all there are, in the order of `--help`, commands last
};

// Prints help, version or a usage error itself, as the command line's own business.
ParsedOptions parse_options(int argc, const char* const* argv);

}  // namespace tcpperf::app

#include "app/options.h"

#include <cstdio>

#include <CLI/CLI.hpp>

#include "app/version.h"

namespace tcpperf::app {
namespace {

constexpr const char* kExamples = R"(
Examples:
  tcpperfd --config.file=/etc/tcpperf/tcpperf.yaml
  tcpperfd --config.check --config.file=new.yaml       is this file good?
  tcpperfd --web.listen-address=127.0.0.1:9436 --web.listen-address=[::1]:9436
  tcpperfd --config.check --web.config.file=web.yaml   and this one?
  curl localhost:9435/metrics

Signals: SIGHUP reloads both configurations and reopens files; SIGTERM ends.
Exit code: 0 after SIGTERM or a good check, 1 on failure, 2 on wrong usage.)";

}  // namespace

ParsedOptions parse_options(int argc, const char* const* argv) {
  Options options;
  bool check = false;
  bool list = false;
  bool metric_docs = false;
  bool configuration_docs = false;
  std::string log_format = "text";

  CLI::App app("Measures every TCP connection of this host in the kernel and serves Prometheus metrics.", "tcpperfd");
  app.set_version_flag("--version", std::string("tcpperfd ") + kVersion);
  app.set_help_flag("--help,-h", "Print this help and exit");
  app.footer(kExamples);
  app.add_option("--config.file", options.config_file, "Configuration (YAML)")->capture_default_str();
  app.add_option("--web.listen-address", options.listen_addresses,
                 "Address to serve on, repeatable; an empty host means all addresses of IPv4 and IPv6 (default :9435)")
      ->allow_extra_args(false);
  app.add_option("--web.config.file", options.web_config_file,
                 "TLS, users and headers (YAML, as exporters of Prometheus have it); default: none of them");
  app.add_flag("--web.systemd-socket", options.systemd_socket,
               "Serve on the sockets that systemd hands over, not on addresses");
  app.add_option("--log.level", options.log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_option("--log.format", log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  CLI::Option_group* commands = app.add_option_group("Instead of running");
  commands->add_flag("--config.check", check, "Check the configuration, say what is wrong with it, and exit");
  commands->add_flag("--probes.list", list, "Print the probes, their hooks, metrics and signals, and exit");
  commands->add_flag("--docs.metrics", metric_docs, "Print the metric reference (Markdown) and exit");
  commands->add_flag("--docs.configuration", configuration_docs,
                     "Print the configuration reference (Markdown) and exit");
  commands->require_option(0, 1);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked_for = error.get_exit_code() == 0;
    app.exit(error);
    return {std::nullopt, asked_for ? 0 : 2};
  }
  if (options.systemd_socket && !options.listen_addresses.empty()) {
    std::fputs("--web.systemd-socket: the socket unit says where to listen; leave --web.listen-address out\n", stderr);
    return {std::nullopt, 2};
  }
  if (options.listen_addresses.empty() && !options.systemd_socket) {
    options.listen_addresses.emplace_back(":9435");
  }
  options.log_format = log_format == "json" ? LogFormat::kJson : LogFormat::kText;
  options.command = check                ? Command::kCheckConfig
                    : list               ? Command::kListProbes
                    : metric_docs        ? Command::kMetricDocs
                    : configuration_docs ? Command::kConfigurationDocs
                                         : Command::kRun;
  return {options, 0};
}

}  // namespace tcpperf::app

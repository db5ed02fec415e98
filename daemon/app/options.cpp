#include "app/options.h"

#include <cstdio>
#include <sstream>

#include <CLI/CLI.hpp>

#include "app/version.h"

namespace tcpperf::app {
namespace {

std::string footer() {
  std::string out = "\nExamples:\n";
  std::istringstream lines(kExamples);
  for (std::string line; std::getline(lines, line);) {
    out += "  " + line + "\n";
  }
  return out + "\nSignals: " + kSignals + "\nExit code: " + kExitCodes;
}

// "LEVEL:{debug,info}" is what the library calls a value LEVEL that is one of two.
OptionRow row_of(const CLI::Option& option, bool command) {
  OptionRow row;
  row.name = "--" + option.get_lnames().front();
  row.short_name = option.get_snames().empty() ? "" : "-" + option.get_snames().front();
  row.fallback = option.get_default_str();
  row.meaning = option.get_description();
  row.repeatable = option.get_expected_max() > 1;
  row.command = command;
  if (option.get_type_size() > 0) {
    const std::string type = option.get_type_name();
    const std::size_t colon = type.find(':');
    row.value = type.substr(0, colon);
    if (colon != std::string::npos) {
      row.choices = CLI::detail::split(type.substr(colon + 2, type.size() - colon - 3), ',');
    }
  }
  return row;
}

std::vector<OptionRow> rows_of(const CLI::App& app, const CLI::App& commands) {
  std::vector<OptionRow> rows;
  for (const CLI::Option* option : app.get_options()) {
    rows.push_back(row_of(*option, /*command=*/false));
  }
  // A group has a --help of its own, which nobody needs twice.
  for (const CLI::Option* option :
       commands.get_options([&](const CLI::Option* o) { return o != commands.get_help_ptr(); })) {
    rows.push_back(row_of(*option, /*command=*/true));
  }
  return rows;
}

}  // namespace

ParsedOptions parse_options(int argc, const char* const* argv) {
  Options options;
  bool check = false;
  bool list = false;
  bool metric_docs = false;
  bool configuration_docs = false;
  std::string log_format = "text";
  std::string manual;
  std::string completion;

  CLI::App app("Measures every TCP connection of this host in the kernel and serves Prometheus metrics.", "tcpperfd");
  app.set_version_flag("--version", std::string("tcpperfd ") + kVersion);
  app.set_help_flag("--help,-h", "Print this help and exit");
  app.footer(footer());
  app.add_option("--config.file", options.config_file, "Configuration (YAML)")
      ->type_name(kFileValue)
      ->capture_default_str();
  app.add_option("--web.listen-address", options.listen_addresses,
                 "Address to serve on, repeatable; an empty host means all addresses of IPv4 and IPv6 (default :9435)")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  app.add_option("--web.config.file", options.web_config_file,
                 "TLS, users and headers (YAML, as exporters of Prometheus have it); default: none of them")
      ->type_name(kFileValue);
  app.add_flag("--web.systemd-socket", options.systemd_socket,
               "Serve on the sockets that systemd hands over, not on addresses");
  app.add_option("--log.level", options.log_level, "debug, info, warning or error")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_option("--log.format", log_format, "text or json")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  CLI::Option_group* commands = app.add_option_group("Instead of running");
  commands->add_flag("--config.check", check, "Check the configuration, say what is wrong with it, and exit");
  commands->add_flag(
      "--probes.list", list,
      "Print the probes, what this kernel can carry of them, their hooks, metrics and signals, and exit");
  commands->add_flag("--docs.metrics", metric_docs, "Print the metric reference (Markdown) and exit");
  commands->add_flag("--docs.configuration", configuration_docs,
                     "Print the configuration reference (Markdown) and exit");
  commands->add_option("--docs.manual", manual, "Print the manual page tcpperfd(8) or tcpperf.yaml(5) (roff) and exit")
      ->type_name("SECTION")
      ->check(CLI::IsMember({"5", "8"}));
  commands->add_option("--docs.completion", completion, "Print the completions for a shell and exit")
      ->type_name("SHELL")
      ->check(CLI::IsMember({"bash", "zsh"}));
  commands->require_option(0, 1);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked_for = error.get_exit_code() == 0;
    app.exit(error);
    return {std::nullopt, asked_for ? 0 : 2, {}};
  }
  if (options.systemd_socket && !options.listen_addresses.empty()) {
    std::fputs("--web.systemd-socket: the socket unit says where to listen; leave --web.listen-address out\n", stderr);
    return {std::nullopt, 2, {}};
  }
  options.config_file_given = app.count("--config.file") > 0;
  if (options.listen_addresses.empty() && !options.systemd_socket) {
    options.listen_addresses.emplace_back(":9435");
  }
  options.log_format = log_format == "json" ? LogFormat::kJson : LogFormat::kText;
  options.command = check                  ? Command::kCheckConfig
                    : list                 ? Command::kListProbes
                    : metric_docs          ? Command::kMetricDocs
                    : configuration_docs   ? Command::kConfigurationDocs
                    : manual == "8"        ? Command::kDaemonManual
                    : manual == "5"        ? Command::kConfigurationManual
                    : completion == "bash" ? Command::kBashCompletion
                    : completion == "zsh"  ? Command::kZshCompletion
                                           : Command::kRun;
  return {options, 0, rows_of(app, *commands)};
}

}  // namespace tcpperf::app

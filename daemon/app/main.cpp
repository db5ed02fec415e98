#include <cstdio>
#include <exception>
#include <string>

#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/listing.h"
#include "app/log.h"
#include "app/manual.h"
#include "app/options.h"
#include "probes/registry.h"

namespace {

using namespace tcpperf;

int print(const std::string& text) {
  return std::fputs(text.c_str(), stdout) < 0 ? 1 : 0;
}

// A web file by itself is a question about that file, also where there is no configuration yet.
bool only_web_file(const app::Options& options) {
  return !options.web_config_file.empty() && !options.config_file_given &&
         access(options.config_file.c_str(), F_OK) != 0;
}

int check_config(const app::Options& options) {
  const bool only_web = only_web_file(options);
  const core::Result<config::Config> config = only_web ? config::Config() : app::load_config(options.config_file);
  const auto web = app::WebConfig::load(options.web_config_file);
  if (app::log_is_journal()) {  // for `systemctl reload`: there an error has a priority
    app::start_log(options.log_level, options.log_format);
  }
  const auto tell = [](const core::Error& error) {
    if (app::log_is_journal()) {
      spdlog::error("{}", error.message);
    } else {
      std::fputs((error.message + "\n").c_str(), stderr);
    }
  };
  if (!config) {
    tell(config.error());
  }
  if (!web) {
    tell(web.error());
  }
  if (!config || !web) {
    return 1;
  }
  return print((only_web ? "" : options.config_file + ": good\n") +
               (options.web_config_file.empty() ? "" : options.web_config_file + ": good\n"));
}

int run_daemon(const app::Options& options) {
  app::start_log(options.log_level, options.log_format);
  core::Result<std::unique_ptr<app::Daemon>> daemon = app::Daemon::start(options);
  if (!daemon) {
    spdlog::error("{}", daemon.error().message);
    return 1;
  }
  const core::Result<void> ended = (*daemon)->run();
  if (!ended) {
    spdlog::error("{}", ended.error().message);
    return 1;
  }
  return 0;
}

int run(int argc, const char* const* argv) {
  const app::ParsedOptions parsed = app::parse_options(argc, argv);
  if (!parsed.options) {
    return parsed.exit_code;
  }
  switch (parsed.options->command) {
    case app::Command::kRun: return run_daemon(*parsed.options);
    case app::Command::kCheckConfig: return check_config(*parsed.options);
    case app::Command::kListProbes: {
      const core::HookTable hooks = probes::hook_table();
      return print(app::list_probes(probes::probe_table(), hooks, app::view_host(hooks)));
    }
    case app::Command::kMetricDocs: return print(app::metric_document(probes::probe_table()));
    case app::Command::kConfigurationDocs: return print(app::configuration_document(probes::probe_table()));
    case app::Command::kDaemonManual: return print(app::daemon_manual(parsed.known));
    case app::Command::kConfigurationManual: return print(app::configuration_manual(probes::probe_table()));
    case app::Command::kBashCompletion: return print(app::bash_completion(parsed.known));
    case app::Command::kZshCompletion: return print(app::zsh_completion(parsed.known));
  }
  return 2;
}

}  // namespace

// Nothing of ours throws; what a library throws in spite of its adapter ends here with a sentence.
int main(int argc, char** argv) {
  // Pages are large and short-lived: mapped each, they go back to the system when they are sent. Without this glibc
  // raises the limit with the first of them, and keeps the memory of the largest crowd of clients for ever.
  constexpr int kMapFromBytes = 128 * 1024;
  mallopt(M_MMAP_THRESHOLD, kMapFromBytes);
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tcpperfd: %s\n", error.what());
    return 1;
  }
}

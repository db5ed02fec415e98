#include "app/daemon.h"

#include <utility>

#include <malloc.h>
#include <spdlog/spdlog.h>

#include "adapters/netlink/network_namespaces.h"
#include "adapters/procfs/cgroups.h"
#include "adapters/procfs/kernel_counters.h"
#include "adapters/systemd/sockets.h"
#include "app/clock.h"
#include "app/pages.h"
#include "app/version.h"
#include "config/parser.h"
#include "probes/registry.h"

namespace tcpperf::app {
namespace {

adapters::bpf::LoadRequest load_request(const config::Config& config, const adapters::bpf::Kernel& kernel) {
  adapters::bpf::LoadRequest request;
  request.object = kernel.fitting_object();
  for (const core::ProbeDescriptor* probe : probes::probe_table()) {
    const config::ProbeConfig& settings = config.probes.at(std::string(probe->name));
    if (settings.enabled) {
      request.probes.insert(std::string(probe->name));
    }
    for (const core::KnobSpec& knob : probe->knobs) {
      request.constants[std::string(knob.symbol)] = settings.knobs.at(std::string(knob.key));
    }
  }
  const auto intervals = [](const std::vector<config::PortRange>& ranges) {
    std::vector<adapters::bpf::PortInterval> out;
    out.reserve(ranges.size());
    for (const config::PortRange& range : ranges) {
      out.push_back({range.first, range.last});
    }
    return out;
  };
  request.groups = config.group_plan;
  request.cgroup_root = adapters::find_cgroup2_root();
  // 0, which no namespace has: nothing is compared.
  const core::Result<std::uint32_t> netns = adapters::own_network_namespace();
  request.constants["cfg_reconciliation_netns"] = netns ? *netns : 0;
  request.filter = {config.filter.local_ip, config.filter.remote_ip, intervals(config.filter.local_port),
                    intervals(config.filter.remote_port)};
  return request;
}

core::Result<void> in_each_namespace(const std::function<core::Result<void>()>& visit) {
  const core::Result<adapters::NamespaceVisits> visits = adapters::visit_all_namespaces(visit);
  return visits ? core::Result<void>{} : visits.error();
}

bool measures(const core::ProbeHealth& health) {
  return health.status == core::ProbeStatus::kOk || health.status == core::ProbeStatus::kDegraded;
}

// A required probe that cannot measure stops the daemon; any other is logged.
core::Result<void> check_health(const config::Config& config, const adapters::bpf::Session& session) {
  for (const core::ProbeDescriptor* probe : probes::probe_table()) {
    const core::ProbeHealth health = session.health(*probe);
    if (health.status == core::ProbeStatus::kOk || health.status == core::ProbeStatus::kDisabled) {
      continue;
    }
    if (!measures(health) && config.probes.at(std::string(probe->name)).required) {
      return core::Error{"required probe " + std::string(probe->name) + " is " +
                         std::string(core::to_string(health.status)) + ": " + health.reason};
    }
    spdlog::warn("probe {} is {}, going on: {}", probe->name, core::to_string(health.status), health.reason);
  }
  return {};
}

// The service manager is not needed to measure: what it does not hear is no reason to stop.
void notify(const core::Result<void>& sent) {
  if (!sent) {
    spdlog::warn("{}", sent.error().message);
  }
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

double unix_seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

}  // namespace

core::Result<config::Config> load_config(const std::string& file) {
  const core::Result<std::string> text = config::read_config_file(file);
  if (!text) {
    return text.error();
  }
  const core::ProbeTable table = probes::probe_table();
  config::ParseOutcome outcome = config::parse_config(
      *text, {table, [table](std::string_view condition) { return check_condition(table, condition); },
              [&file](const std::string& pattern) { return config::find_rule_files(file, pattern); }});
  if (outcome.config) {
    return std::move(*outcome.config);
  }
  std::string lines;
  for (const config::ConfigError& error : outcome.errors) {
    lines += (lines.empty() ? "" : "\n") + config::format_error(file, error);
  }
  return core::Error{lines};
}

Daemon::Daemon(Options options, std::unique_ptr<adapters::bpf::Kernel> kernel, EventLoop loop,
               std::unique_ptr<WebConfig> web_config)
    : options_(std::move(options)),
      kernel_(std::move(kernel)),
      loop_(std::move(loop)),
      web_config_(std::move(web_config)),
      alerting_(probes::probe_table()),
      kernel_numbers_(*kernel_),
      collector_(probes::probe_table(), *kernel_, kernel_numbers_,
                 [this](core::SelfReport& report) { add_to_report(report); }) {}

core::Result<std::unique_ptr<Daemon>> Daemon::start(const Options& options) {
  core::Result<config::Config> config = load_config(options.config_file);
  if (!config) {
    return config.error();
  }
  core::Result<std::unique_ptr<WebConfig>> web_config = WebConfig::load(options.web_config_file);
  if (!web_config) {
    return web_config.error();
  }
  core::Result<std::unique_ptr<adapters::bpf::Kernel>> kernel = adapters::bpf::Kernel::open();
  if (!kernel) {
    return kernel.error();
  }
  core::Result<EventLoop> loop = EventLoop::create();
  if (!loop) {
    return loop.error();
  }
  std::unique_ptr<Daemon> daemon(new Daemon(options, std::move(*kernel), std::move(*loop), std::move(*web_config)));
  if (options.systemd_socket) {  // before there are threads that look at the environment
    core::Result<std::vector<int>> sockets = adapters::take_activation_sockets();
    if (!sockets) {
      return sockets.error();
    }
    daemon->activation_sockets_ = std::move(*sockets);
  }
  if (core::Result<void> applied = daemon->apply(*config); !applied) {
    return applied.error();
  }
  if (core::Result<void> served = daemon->serve(); !served) {
    return served.error();
  }
  return daemon;
}

// Loads the new set before touching the running one: a set that the kernel or a `required` refuses changes nothing.
core::Result<void> Daemon::apply_probes(const config::Config& config) {
  const adapters::bpf::LoadRequest request = load_request(config, *kernel_);
  if (session_ != nullptr && session_->request() == request) {
    collector_.set_session(session_, config.groups.idle_after);
    return check_health(config, *session_);
  }
  core::Result<std::unique_ptr<adapters::bpf::Session>> loaded =
      adapters::bpf::Session::load(probes::probe_table(), probes::hook_table(), *kernel_, request, session_.get());
  if (!loaded) {
    return loaded.error();
  }
  malloc_trim(0);  // loading takes some megabytes for a moment, for the types of the kernel
  std::shared_ptr<adapters::bpf::Session> session = std::move(*loaded);
  session->look_in(in_each_namespace);
  if (session_ != nullptr) {
    kernel_numbers_.pause(*session_);
    session_->detach();
    // What the sockets have sent until now belongs to the old flow states. A failure shows at the next reading.
    static_cast<void>(session_->sample());
  }
  cpu_budget_.abandon();
  session->attach();
  kernel_numbers_.begin(*session);
  if (core::Result<void> healthy = check_health(config, *session); !healthy) {
    session->detach();
    if (session_ != nullptr) {
      session_->attach();
      kernel_numbers_.begin(*session_);
    }
    return healthy;
  }
  if (session_ != nullptr) {
    session->continue_stats_of(*session_);
  }
  collector_.set_session(session, config.groups.idle_after);
  session_ = std::move(session);
  return {};
}

// All of it or nothing: what can fail comes before what changes.
core::Result<void> Daemon::apply(const config::Config& config) {
  core::Result<Alerting::Prepared> alerting = alerting_.prepare(config);
  if (!alerting) {
    return alerting.error();
  }
  if (core::Result<void> applied = apply_probes(config); !applied) {
    return applied;
  }
  cpu_budget_.set(config.cpu_budget_ppm, config.tick, *session_);
  loop_.set_alarm(cpu_budget_.next_wake());
  alerting_.apply(std::move(*alerting));
  histograms_ = {static_cast<int>(config.buckets_per_power_of_two), config.histograms_in_protobuf};
  if (config.tick != tick_) {  // setting it again would put the next tick off
    tick_ = config.tick;
    loop_.set_tick(tick_);
  }
  reload_success_unix_seconds_ = unix_seconds(wall_now());
  return {};
}

core::Result<void> Daemon::serve() {
  adapters::http::ListenOn where;
  where.sockets = std::move(activation_sockets_);
  for (const std::string& text : options_.listen_addresses) {
    core::Result<adapters::http::ListenAddress> address = adapters::http::parse_listen_address(text);
    if (!address) {
      return address.error();
    }
    where.addresses.push_back(std::move(*address));
  }
  core::Result<std::unique_ptr<adapters::http::Server>> server = adapters::http::Server::start(
      where, make_pages({collector_, probes::probe_table(), ready_, histograms_}), {},
      [this] { return web_config_->current(); }, [](const std::string& text) { spdlog::warn("web server: {}", text); });
  if (!server) {
    return server.error();
  }
  const std::lock_guard lock(server_mutex_);
  server_ = std::move(*server);
  return {};
}

std::string Daemon::status_line() const {
  std::size_t measuring = 0;
  std::size_t attached = 0;
  for (const core::ProbeDescriptor* probe : probes::probe_table()) {
    measuring += measures(session_->health(*probe)) ? 1 : 0;
  }
  for (const adapters::bpf::ProgramState& program : session_->programs()) {
    attached += program.attached ? 1 : 0;
  }
  return std::to_string(measuring) + " of " + std::to_string(probes::probe_table().size()) + " probes measuring, " +
         std::to_string(attached) + " programs attached";
}

core::Result<void> Daemon::run() {
  const std::string scheme = web_config_->current()->tls == nullptr ? "http" : "https";
  for (const adapters::http::ListenAddress& address : server_->addresses()) {
    if (address.host.starts_with('/')) {
      spdlog::info("tcpperfd {} serves /metrics on {}", kVersion, address.host);
      continue;
    }
    const std::string host =
        address.host.empty() ? "localhost:" + std::to_string(address.port) : adapters::http::to_string(address);
    spdlog::info("tcpperfd {} serves {}://{}/metrics", kVersion, scheme, host);
  }
  spdlog::info("{}, {} alert rules", status_line(), alerting_.rule_count());
  ready_ = true;
  notify(adapters::Notifier::ready(status_line()));
  if (const auto interval = adapters::watchdog_interval()) {
    loop_.set_watchdog(*interval);
  }
  alerting_.tick(collector_.collect());
  core::Result<void> result = loop_.run({
      .tick = [this] { alerting_.tick(collector_.collect()); },
      .watchdog = [] { notify(adapters::Notifier::watchdog()); },
      .alarm =
          [this] {
            cpu_budget_.wake(*session_);
            loop_.set_alarm(cpu_budget_.next_wake());
          },
      .reload = [this] { reload(); },
  });
  ready_ = false;
  notify(adapters::Notifier::stopping());
  spdlog::info("ending");
  return result;
}

void Daemon::reload() {
  notify(adapters::Notifier::reloading(std::chrono::duration_cast<std::chrono::microseconds>(monotonic_now())));
  alerting_.reopen();
  core::Result<config::Config> config = load_config(options_.config_file);
  // A mistake in one file does not keep the other from being read. That of the web file has been logged.
  const core::Result<void> web = web_config_->reload();
  core::Result<void> applied = config ? apply(*config) : core::Result<void>(config.error());
  reload_successful_ = applied.has_value();
  if (applied) {
    spdlog::info("configuration reloaded: {}", status_line());
  } else {
    spdlog::error("configuration not reloaded, running on with the one before:\n{}", applied.error().message);
  }
  // READY=1 ends a reload whatever became of it; the status is where the service manager's users see a failure.
  notify(adapters::Notifier::ready(
      status_line() + (applied ? "" : "; configuration not reloaded: " + first_line(applied.error().message)) +
      (web ? "" : "; web configuration not reloaded: " + first_line(web.error().message))));
}

void Daemon::add_to_report(core::SelfReport& report) const {
  alerting_.add_to_report(report);
  cpu_budget_.add_to_report(report);
  report.reload_successful = reload_successful_;
  report.reload_success_unix_seconds = reload_success_unix_seconds_;
  if (web_config_->has_file()) {
    report.web_config =
        core::WebConfigReport{web_config_->last_reload_successful(), web_config_->reload_success_unix_seconds()};
  }
  const std::lock_guard lock(server_mutex_);
  if (server_ != nullptr) {
    const adapters::http::Counters counters = server_->counters();
    report.http_responses = counters.responses;
    report.http_responses_unfinished = counters.responses_unfinished;
    report.http_connections_refused = counters.connections_refused;
    report.http_connections_evicted = counters.connections_evicted;
    report.http_connections_unanswered = counters.connections_unanswered;
  }
}

}  // namespace tcpperf::app

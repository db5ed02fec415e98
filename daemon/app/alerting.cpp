#include "app/alerting.h"

#include <algorithm>
#include <array>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "adapters/expression/expression.h"
#include "adapters/sinks/alert_text.h"
#include "adapters/sinks/file_sink.h"
#include "adapters/sinks/syslog_sink.h"
#include "adapters/sinks/webhook_sink.h"
#include "app/clock.h"
#include "app/log.h"
#include "core/signals/condense.h"

namespace tcpperf::app {
namespace {

using Sinks = std::vector<std::shared_ptr<core::AlertSink>>;

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

core::Result<Sinks> make_sinks(const config::Sinks& config) {
  Sinks sinks;
  if (config.syslog) {
    sinks.push_back(std::make_shared<adapters::SyslogSink>());
  }
  if (config.file) {
    core::Result<std::unique_ptr<adapters::FileSink>> file = adapters::FileSink::open(config.file->path, host_name());
    if (!file) {
      return file.error();
    }
    sinks.push_back(std::move(*file));
  }
  if (config.webhook) {
    core::Result<std::unique_ptr<adapters::WebhookSink>> webhook =
        adapters::WebhookSink::create({.url = config.webhook->url,
                                       .timeout = config.webhook->timeout,
                                       .attempts = config.webhook->attempts,
                                       .queue = config.webhook->queue},
                                      host_name());
    if (!webhook) {
      return webhook.error();
    }
    sinks.push_back(std::move(*webhook));
  }
  return sinks;
}

}  // namespace

core::Result<void> check_condition(core::ProbeTable probes, std::string_view condition) {
  core::Result<std::unique_ptr<core::Expression>> compiled =
      adapters::compile_expression(condition, core::names_of(core::signals_of(probes)));
  if (!compiled) {
    return compiled.error();
  }
  if ((*compiled)->variables().empty()) {
    return core::Error{"the condition uses no signal, so nothing could ever change it"};
  }
  return {};
}

Alerting::Alerting(core::ProbeTable probes)
    : signals_(core::signals_of(probes)), signal_names_(core::names_of(signals_)), history_(std::chrono::minutes(1)) {}

core::Result<Alerting::Prepared> Alerting::prepare(const config::Config& config) const {
  Prepared prepared{{}, config.tick, config.sinks, sinks_};
  for (const core::RuleSpec& spec : config.alerts) {
    core::Result<core::CompiledRule> rule = core::compile(spec, adapters::compile_expression, signal_names_);
    if (!rule) {
      return rule.error();
    }
    prepared.longest_window = std::max(prepared.longest_window, spec.window);
    prepared.rules.push_back(std::move(*rule));
  }
  if (!sinks_made_ || config.sinks != sink_config_) {
    core::Result<Sinks> sinks = make_sinks(config.sinks);
    if (!sinks) {
      return sinks.error();
    }
    prepared.sinks = std::move(*sinks);
  }
  return prepared;
}

void Alerting::apply(Prepared prepared) {
  history_.set_longest_window(prepared.longest_window);
  core::RuleEngine engine(std::move(prepared.rules));
  const std::vector<core::AlertEvent> events = engine.adopt(engine_, monotonic_now(), wall_now());
  engine_ = std::move(engine);
  send(events);  // of rules that are gone, to the sinks that knew them
  if (prepared.sinks != sinks_) {
    for (const std::shared_ptr<core::AlertSink>& old : sinks_) {
      old->close();  // can take a second, in which scrapes go on
    }
    tell_losses();
    told_losses_.clear();
    const std::lock_guard lock(mutex_);
    for (const std::shared_ptr<core::AlertSink>& old : sinks_) {
      core::DeliveryCounts& retired = retired_[std::string(old->name())];
      const core::DeliveryCounts counts = old->counts();
      retired.delivered += counts.delivered;
      retired.failed += counts.failed;
      retired.dropped += counts.dropped;
    }
    published_sinks_ = prepared.sinks;
  }
  sinks_ = std::move(prepared.sinks);
  sink_config_ = prepared.sink_config;
  sinks_made_ = true;
  publish();
}

void Alerting::tick(const std::shared_ptr<const core::Snapshot>& snapshot) {
  core::SignalReader reader(signals_, snapshot, history_);
  const std::vector<core::AlertEvent> events = engine_.tick(
      snapshot->monotonic, wall_now(),
      [&reader](std::string_view signal, std::chrono::milliseconds window) { return reader.read(signal, window); });
  history_.add(core::condense(*snapshot, signals_));
  send(events);
  tell_losses();
  publish();
}

void Alerting::reopen() {
  for (const std::shared_ptr<core::AlertSink>& sink : sinks_) {
    sink->reopen();
  }
}

void Alerting::send(const std::vector<core::AlertEvent>& events) {
  for (const core::AlertEvent& event : events) {
    bool in_journal = false;
    for (const std::shared_ptr<core::AlertSink>& sink : sinks_) {
      sink->deliver(event);
      in_journal = in_journal || sink->last_event_is_in_journal();
    }
    // Not twice in one log.
    if (!in_journal || !log_is_journal()) {
      spdlog::log(event.state == core::AlertState::kFiring ? spdlog::level::warn : spdlog::level::info, "alert {}",
                  adapters::to_text(event));
    }
  }
}

// Not at once, because a sink with a queue loses an event long after it was handed over.
void Alerting::tell_losses() {
  for (const std::shared_ptr<core::AlertSink>& sink : sinks_) {
    const core::DeliveryCounts counts = sink->counts();
    const std::uint64_t lost = counts.failed + counts.dropped;
    std::uint64_t& told = told_losses_[sink.get()];
    if (lost > told) {
      spdlog::warn("alert events not delivered to {}: {}, the last one because: {}", sink->name(), lost - told,
                   sink->last_error());
      told = lost;
    }
  }
}

void Alerting::publish() {
  std::vector<core::AlertReport> alerts;
  for (const core::RuleStatus& rule : engine_.status()) {
    alerts.push_back(
        {rule.name, rule.severity, rule.state == core::RuleState::kFiring, !rule.unevaluable.has_value(), rule.fired});
  }
  const std::lock_guard lock(mutex_);
  alerts_ = std::move(alerts);
}

void Alerting::add_to_report(core::SelfReport& report) const {
  const std::lock_guard lock(mutex_);
  report.alerts = alerts_;
  // Sinks that a reload took away stay in the report: their counts are history, not nothing.
  std::map<std::string_view, core::DeliveryCounts> total(retired_.begin(), retired_.end());
  for (const std::shared_ptr<core::AlertSink>& sink : published_sinks_) {
    const core::DeliveryCounts counts = sink->counts();
    core::DeliveryCounts& sum = total[sink->name()];
    sum.delivered += counts.delivered;
    sum.failed += counts.failed;
    sum.dropped += counts.dropped;
  }
  for (const auto& [sink, counts] : total) {
    report.deliveries.push_back({std::string(sink), counts.delivered, counts.failed, counts.dropped});
  }
}

}  // namespace tcpperf::app

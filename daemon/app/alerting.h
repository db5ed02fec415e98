// The tick's part in alerts: readings into the history, rules judged, events handed to the sinks.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/model.h"
#include "core/base/result.h"
#include "core/ports/alert_sink.h"
#include "core/rules/engine.h"
#include "core/self/self_metrics.h"
#include "core/signals/history.h"
#include "core/signals/reader.h"

namespace tcpperf::app {

// All but add_to_report() belong to the tick thread; that one may be called by any.
class Alerting {
 public:
  explicit Alerting(core::ProbeTable probes);

  // Rules and sinks of a configuration, made but not in force.
  struct Prepared {
    std::vector<core::CompiledRule> rules;
    std::chrono::milliseconds longest_window{0};
    config::Sinks sink_config;
    std::vector<std::shared_ptr<core::AlertSink>> sinks;
  };
  // A rule that does not compile or a sink that cannot be opened is an Error. Sinks that stay the same are kept.
  [[nodiscard]] core::Result<Prepared> prepare(const config::Config& config) const;
  // Rules that stay the same keep their state.
  void apply(Prepared prepared);

  void tick(const std::shared_ptr<const core::Snapshot>& snapshot);

  // For log rotation.
  void reopen();

  [[nodiscard]] std::size_t rule_count() const { return engine_.status().size(); }

  void add_to_report(core::SelfReport& report) const;

 private:
  void send(const std::vector<core::AlertEvent>& events);
  void tell_losses();
  void publish();

  std::vector<const core::SignalSpec*> signals_;
  std::vector<std::string> signal_names_;
  core::History history_;
  core::RuleEngine engine_{{}};
  config::Sinks sink_config_;
  bool sinks_made_ = false;
  std::vector<std::shared_ptr<core::AlertSink>> sinks_;
  std::map<const core::AlertSink*, std::uint64_t> told_losses_;  // how many of its losses are in the log

  mutable std::mutex mutex_;  // guards what follows
  std::vector<core::AlertReport> alerts_;
  std::vector<std::shared_ptr<core::AlertSink>> published_sinks_;
  std::map<std::string, core::DeliveryCounts, std::less<>> retired_;  // of replaced sinks: counters never go back
};

// Whether a condition compiles against the signals of these probes.
core::Result<void> check_condition(core::ProbeTable probes, std::string_view condition);

}  // namespace tcpperf::app

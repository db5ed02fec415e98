// Alert rules as data, and what comes out when one changes state.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics/metric.h"

namespace tcpperf::core {

enum class Severity { kInfo, kWarning, kCritical };
// "info", "warning", "critical".
std::string_view to_string(Severity severity);

// One entry of `alerts:`; checked by the configuration.
struct RuleSpec {
  std::string name;                         // [a-z][a-z0-9_]*, unique
  std::string condition;                    // expression over signals; true is any value other than 0
  std::chrono::milliseconds window{60000};  // the signals are taken over this much past
  std::chrono::milliseconds hold{0};        // `for`: true this long before the alert fires
  std::uint64_t minimum_samples = 0;        // every signal used must stand on at least this many observations
  Severity severity = Severity::kWarning;
  std::string diagnosis;  // what it means; one sentence
  std::string action;     // what to look at next; one sentence

  bool operator==(const RuleSpec&) const = default;
};

enum class AlertState { kFiring, kResolved };
// "firing", "resolved".
std::string_view to_string(AlertState state);

// A signal of a condition as the rule saw it.
struct SignalReading {
  std::string name;
  double value = 0;
  Unit unit = Unit::kNone;  // of the value, for people; kNone for a rate

  bool operator==(const SignalReading&) const = default;
};

// A rule began or ceased to fire. Sent to every sink.
struct AlertEvent {
  AlertState state = AlertState::kFiring;
  std::chrono::system_clock::time_point time;  // of this change
  std::chrono::milliseconds active_for{0};     // since the condition became true; kResolved: how long it fired
  RuleSpec rule;
  std::string reason;                  // kResolved: why, a phrase; empty for kFiring
  std::vector<SignalReading> signals;  // the signals of the condition that have a value
  std::uint64_t samples = 0;           // the smallest number of observations behind one of them, gauges aside
};

}  // namespace tcpperf::core

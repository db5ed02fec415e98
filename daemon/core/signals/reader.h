// The signals of one tick, by name and window.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/signals/history.h"
#include "core/signals/signal.h"

namespace tcpperf::core {

// Every signal of the probes, in their order.
std::vector<const SignalSpec*> signals_of(ProbeTable probes);
// Their names, as an ExpressionCompiler wants them.
std::vector<std::string> names_of(std::span<const SignalSpec* const> signals);

// Computes signals of one reading on demand, each (signal, window) once however many rules use it. Lives for one tick;
// refers to its arguments. Not thread-safe.
class SignalReader {
 public:
  SignalReader(std::span<const SignalSpec* const> signals, std::shared_ptr<const Snapshot> now, const History& history)
      : signals_(signals), now_(std::move(now)), history_(history) {}

  // kNoMetric for an unknown name; kNoHistory until the history covers the window, except for gauges.
  SignalValue read(std::string_view name, std::chrono::milliseconds window);

 private:
  [[nodiscard]] SignalValue compute(std::string_view name, std::chrono::milliseconds window) const;

  std::span<const SignalSpec* const> signals_;
  std::shared_ptr<const Snapshot> now_;
  const History& history_;
  std::map<std::pair<std::string, std::chrono::milliseconds>, SignalValue> known_;
};

}  // namespace tcpperf::core

#include "core/signals/reader.h"

#include <algorithm>

namespace tcpperf::core {

std::vector<const SignalSpec*> signals_of(ProbeTable probes) {
  std::vector<const SignalSpec*> signals;
  for (const ProbeDescriptor* probe : probes) {
    for (const SignalSpec& signal : probe->signals) {
      signals.push_back(&signal);
    }
  }
  return signals;
}

std::vector<std::string> names_of(std::span<const SignalSpec* const> signals) {
  std::vector<std::string> names;
  names.reserve(signals.size());
  for (const SignalSpec* signal : signals) {
    names.emplace_back(signal->name);
  }
  return names;
}

SignalValue SignalReader::read(std::string_view name, std::chrono::milliseconds window) {
  auto key = std::pair(std::string(name), window);
  const auto found = known_.find(key);
  if (found != known_.end()) {
    return found->second;
  }
  const SignalValue value = compute(name, window);
  known_.emplace(std::move(key), value);
  return value;
}

SignalValue SignalReader::compute(std::string_view name, std::chrono::milliseconds window) const {
  const auto spec = std::find_if(signals_.begin(), signals_.end(), [&](const auto* s) { return s->name == name; });
  if (spec == signals_.end()) {
    return {};
  }
  if ((*spec)->kind == SignalKind::kGauge) {
    return evaluate(**spec, *now_, *now_);
  }
  const std::shared_ptr<const Snapshot> older = history_.find(now_->monotonic, window);
  if (older == nullptr) {
    SignalValue value;
    value.reason = NoValue::kNoHistory;
    return value;
  }
  return evaluate(**spec, *now_, *older);
}

}  // namespace tcpperf::core

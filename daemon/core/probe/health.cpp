#include "core/probe/health.h"

#include <algorithm>

namespace tcpperf::core {

std::string_view to_string(ProbeStatus status) {
  switch (status) {
    case ProbeStatus::kDisabled: return "disabled";
    case ProbeStatus::kOk: return "ok";
    case ProbeStatus::kDegraded: return "degraded";
    case ProbeStatus::kUnsupported: return "unsupported";
    case ProbeStatus::kFailed: return "failed";
  }
  return "";
}

bool listens(const HookUse& use, const KnobValues& knobs) {
  if (use.only_with.empty()) {
    return true;
  }
  const auto knob = knobs.find(use.only_with);
  return knob != knobs.end() && (knob->second & use.only_with_bits) != 0;
}

ProbeHealth judge_probe(const ProbeDescriptor& probe, bool enabled, const std::string& refusal,
                        const std::vector<HookState>& hooks, const KnobValues& knobs, bool sampled) {
  if (!enabled) {
    return {ProbeStatus::kDisabled, ""};
  }
  if (!refusal.empty()) {
    return {ProbeStatus::kFailed, refusal};
  }
  std::string missing;
  std::size_t attached = 0;
  ProbeStatus worst = ProbeStatus::kUnsupported;
  for (const HookUse& use : probe.hooks) {
    if (!listens(use, knobs)) {
      continue;
    }
    const auto hook =
        std::find_if(hooks.begin(), hooks.end(), [&](const HookState& h) { return h.program == use.program; });
    if (hook != hooks.end() && hook->outcome == HookOutcome::kAttached) {
      ++attached;
      if (sampled && !use.thinned.empty()) {
        missing += (missing.empty() ? "" : "; ") + ("to stay within cpu_budget, " + std::string(use.thinned));
      }
      continue;
    }
    const std::string reason = hook == hooks.end() ? "not part of the BPF object" : hook->reason;
    const bool refused = hook != hooks.end() && hook->outcome == HookOutcome::kRefused;
    if (use.required) {
      return {refused ? ProbeStatus::kFailed : ProbeStatus::kUnsupported, reason};
    }
    if (refused) {
      worst = ProbeStatus::kFailed;
    }
    missing += (missing.empty() ? "" : "; ") + ("without " + std::string(use.provides)) + ": " + reason;
  }
  if (missing.empty()) {
    return {ProbeStatus::kOk, ""};
  }
  return {attached == 0 ? worst : ProbeStatus::kDegraded, missing};
}

}  // namespace tcpperf::core

// Whether a probe measures what it should. Decided by a pure function from what happened to its hooks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/probe/descriptor.h"

namespace tcpperf::core {

enum class ProbeStatus {
  kDisabled,     // switched off in the configuration
  kOk,           // every hook is attached
  kDegraded,     // measures, but an optional hook is missing
  kUnsupported,  // this kernel lacks what it needs
  kFailed,       // the kernel refused it
};
// "disabled", "ok", "degraded", "unsupported", "failed".
std::string_view to_string(ProbeStatus status);
inline constexpr ProbeStatus kAllProbeStatuses[] = {ProbeStatus::kDisabled, ProbeStatus::kOk, ProbeStatus::kDegraded,
                                                    ProbeStatus::kUnsupported, ProbeStatus::kFailed};

enum class HookOutcome {
  kAttached,
  kMissing,  // the kernel has no such tracepoint, or it lacks an argument we need
  kRefused,  // the kernel refused to load or attach the program
};

// What became of one program, for all probes that listen on it.
struct HookState {
  std::string_view program;
  HookOutcome outcome = HookOutcome::kMissing;
  std::string reason;  // one sentence; empty when attached
};

struct ProbeHealth {
  ProbeStatus status = ProbeStatus::kDisabled;
  std::string reason;  // one sentence; empty when ok or disabled
};

// Values of knobs, by symbol.
using KnobValues = std::map<std::string, std::uint64_t, std::less<>>;

// Whether the probe listens on the hook with these knobs.
bool listens(const HookUse& use, const KnobValues& knobs);

// `sampled`: what runs per segment and per call looks at a part of the connections. `refusal`: why the kernel refused
// this probe's own code, empty when it did not. `hooks` has every program that the probe listens on.
ProbeHealth judge_probe(const ProbeDescriptor& probe, bool enabled, const std::string& refusal,
                        const std::vector<HookState>& hooks, const KnobValues& knobs = {}, bool sampled = false);

}  // namespace tcpperf::core

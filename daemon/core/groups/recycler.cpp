#include "core/groups/recycler.h"

namespace tcpperf::core {
namespace {

constexpr std::chrono::seconds kWithdrawnFor{1};  // at least: longer than any run of a BPF program

}  // namespace

RecycleSteps Recycler::step(std::chrono::nanoseconds now, std::span<const SlotState> slots) {
  RecycleSteps steps;
  slots_.resize(slots.size());
  for (std::uint32_t i = 1; i < slots.size(); ++i) {
    const SlotState& state = slots[i];
    Slot& slot = slots_[i];
    if (state.resolved == 0) {
      slot = {};
      continue;
    }
    const bool seen = !slot.used || state.sockets != 0 || state.resolved != slot.resolved;
    if (slot.withdrawn && now - slot.seen < kWithdrawnFor) {
      continue;
    }
    if (seen) {
      if (slot.withdrawn) {
        steps.publish.push_back(i);
      }
      slot = {.used = true, .withdrawn = false, .resolved = state.resolved, .seen = now};
    } else if (slot.withdrawn) {
      steps.retire.push_back(i);
      slot = {};
    } else if (now - slot.seen >= idle_after_) {
      steps.withdraw.push_back(i);
      slot.withdrawn = true;
      slot.seen = now;
    }
  }
  return steps;
}

}  // namespace tcpperf::core

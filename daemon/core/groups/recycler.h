// Decides which slots of a grouping are given back. Pure; the caller carries the decisions out.
//
// A slot must not be reused while a socket still refers to it, and a BPF program may be about to make a socket refer to
// it. So giving back takes two samplings: first the group is withdrawn, so that no socket finds it any more; at the
// next sampling, when still no socket refers to it and none was resolved to it in between, its past goes to `other` and
// the slot is free. Otherwise the group is published again.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace tcpperf::core {

// What the sampling found in one slot.
struct SlotState {
  std::uint64_t resolved = 0;  // struct tcpperf_group: 0 means that the slot is free
  std::uint64_t sockets = 0;
};

struct RecycleSteps {
  std::vector<std::uint32_t> withdraw;
  std::vector<std::uint32_t> publish;
  std::vector<std::uint32_t> retire;
};

// Of one grouping. Not thread-safe.
class Recycler {
 public:
  explicit Recycler(std::chrono::nanoseconds idle_after) : idle_after_(idle_after) {}

  // A group is seen when a socket refers to it or one was resolved to it since the last sampling. `slots[0]` is `other`
  // and left alone. `now` is CLOCK_MONOTONIC and does not go back. A withdrawn slot is decided upon at the first
  // sampling that is at least a second later.
  RecycleSteps step(std::chrono::nanoseconds now, std::span<const SlotState> slots);

 private:
  struct Slot {
    bool used = false;
    bool withdrawn = false;
    std::uint64_t resolved = 0;       // when it was last seen
    std::chrono::nanoseconds seen{};  // when it was last seen, or withdrawn
  };
  std::chrono::nanoseconds idle_after_;
  std::vector<Slot> slots_;
};

}  // namespace tcpperf::core

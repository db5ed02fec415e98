// The past readings that signals are measured against.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>

#include "core/metrics/snapshot.h"

namespace tcpperf::core {

// Keeps the readings of the longest window, but never more than `capacity`. When they are more, readings are left out
// where that lengthens a window least in proportion, so short windows stay exact to one tick and long ones become a
// few per cent longer than asked for. Signals divide by the time that really passed, so this costs no accuracy of
// rates. Memory: capacity readings. Not thread-safe; owned by the tick.
class History {
 public:
  static constexpr std::size_t kDefaultCapacity = 64;

  // Precondition: capacity >= 3.
  explicit History(std::chrono::nanoseconds longest_window, std::size_t capacity = kDefaultCapacity);

  // A reading that is not newer than the last one is ignored. Never null.
  void add(std::shared_ptr<const Snapshot> snapshot);

  // The newest reading taken at least `window` before `now`; nullptr while there is none.
  [[nodiscard]] std::shared_ptr<const Snapshot> find(std::chrono::nanoseconds now,
                                                     std::chrono::nanoseconds window) const;

  // For a reload. Takes effect with the next add().
  void set_longest_window(std::chrono::nanoseconds longest_window) { longest_window_ = longest_window; }

  [[nodiscard]] std::size_t size() const { return snapshots_.size(); }

 private:
  void thin();

  std::chrono::nanoseconds longest_window_;
  std::size_t capacity_;
  std::deque<std::shared_ptr<const Snapshot>> snapshots_;  // oldest first
};

}  // namespace tcpperf::core

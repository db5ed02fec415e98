#include "core/signals/history.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace tcpperf::core {

History::History(std::chrono::nanoseconds longest_window, std::size_t capacity)
    : longest_window_(longest_window), capacity_(std::max<std::size_t>(capacity, 3)) {}

void History::add(std::shared_ptr<const Snapshot> snapshot) {
  const std::chrono::nanoseconds now = snapshot->monotonic;
  if (!snapshots_.empty() && now <= snapshots_.back()->monotonic) {
    return;
  }
  snapshots_.push_back(std::move(snapshot));
  // The oldest is of use only while it is the one that answers for the longest window.
  while (snapshots_.size() > 1 && now - snapshots_[1]->monotonic >= longest_window_) {
    snapshots_.pop_front();
  }
  if (snapshots_.size() > capacity_) {
    thin();
  }
}

// Leaves out one reading. Without reading i, a window that ended between i and i + 1 is answered by i - 1: it becomes
// longer by at most the gap between the neighbours, relative to at least the age of i + 1.
void History::thin() {
  const std::chrono::nanoseconds now = snapshots_.back()->monotonic;
  std::size_t victim = 1;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i + 2 < snapshots_.size(); ++i) {
    const std::chrono::nanoseconds gap = snapshots_[i + 1]->monotonic - snapshots_[i - 1]->monotonic;
    const std::chrono::nanoseconds age = now - snapshots_[i + 1]->monotonic;
    const double lengthening = static_cast<double>(gap.count()) / static_cast<double>(age.count());
    if (lengthening < least) {
      least = lengthening;
      victim = i;
    }
  }
  snapshots_.erase(snapshots_.begin() + static_cast<std::ptrdiff_t>(victim));
}

std::shared_ptr<const Snapshot> History::find(std::chrono::nanoseconds now, std::chrono::nanoseconds window) const {
  const auto old_enough = std::find_if(snapshots_.rbegin(), snapshots_.rend(),
                                       [&](const auto& snapshot) { return now - snapshot->monotonic >= window; });
  return old_enough == snapshots_.rend() ? nullptr : *old_enough;
}

}  // namespace tcpperf::core

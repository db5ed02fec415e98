#include "core/reconciliation/reconciliation.h"

namespace tcpperf::core {
namespace {

std::optional<Compared> both(const CountPair& pair) {
  if (!pair.ours || !pair.kernel) {
    return std::nullopt;
  }
  return Compared{*pair.ours, *pair.kernel};
}

}  // namespace

void Reconciliation::begin(std::span<const CountPair> now) {
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    counters_[i].start = both(now[i]);
    if (counters_[i].start && !counters_[i].past) {
      counters_[i].past = Compared{};
    }
  }
}

void Reconciliation::pause(std::span<const CountPair> now) {
  const std::vector<std::optional<Compared>> gained = totals(now);
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    if (gained[i]) {
      counters_[i].past = gained[i];
    }
    counters_[i].start.reset();
  }
}

std::vector<std::optional<Compared>> Reconciliation::totals(std::span<const CountPair> now) const {
  std::vector<std::optional<Compared>> totals(counters_.size());
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    const auto& [past, start] = counters_[i];
    const std::optional<Compared> end = both(now[i]);
    if (start && end && end->ours >= start->ours && end->kernel >= start->kernel) {
      totals[i] = {past->ours + end->ours - start->ours, past->kernel + end->kernel - start->kernel};
    }
  }
  return totals;
}

std::vector<std::optional<Compared>> Reconciliation::past() const {
  std::vector<std::optional<Compared>> past;
  past.reserve(counters_.size());
  for (const Counter& counter : counters_) {
    past.push_back(counter.past);
  }
  return past;
}

}  // namespace tcpperf::core

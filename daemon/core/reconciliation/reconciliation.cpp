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
  }
}

void Reconciliation::pause(std::span<const CountPair> now) {
  const std::vector<std::optional<Compared>> gained = totals(now);
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    counters_[i].past = gained[i].value_or(counters_[i].past);
    counters_[i].start.reset();
  }
}

std::vector<std::optional<Compared>> Reconciliation::totals(std::span<const CountPair> now) const {
  std::vector<std::optional<Compared>> totals(counters_.size());
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    const auto& [past, start] = counters_[i];
    const std::optional<Compared> end = both(now[i]);
    if (start && end && end->ours >= start->ours && end->kernel >= start->kernel) {
      totals[i] = {past.ours + end->ours - start->ours, past.kernel + end->kernel - start->kernel};
    }
  }
  return totals;
}

}  // namespace tcpperf::core

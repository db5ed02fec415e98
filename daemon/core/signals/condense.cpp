#include "core/signals/condense.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/signals/accumulate.h"

namespace tcpperf::core {
namespace {

Family without_groups(const Family& family) {
  Family sum{family.spec, {}, {}};
  std::map<std::vector<std::string>, std::size_t> places;  // in sum.series, by the metric's own labels
  for (const Series& series : family.series) {
    const auto own = static_cast<std::ptrdiff_t>(std::min(family.spec->labels.size(), series.labels->size()));
    std::vector<std::string> labels(series.labels->begin(), series.labels->begin() + own);
    const auto [place, added] = places.try_emplace(labels, sum.series.size());
    if (added) {
      const bool grouped = labels.size() != series.labels->size();
      sum.series.push_back(
          {grouped ? std::make_shared<const std::vector<std::string>>(std::move(labels)) : series.labels,
           series.value});
      continue;
    }
    std::visit(
        [&](auto& total) {
          if (const auto* const value = std::get_if<std::decay_t<decltype(total)>>(&series.value)) {
            accumulate(*family.spec, total, *value);
          }
        },
        sum.series[place->second].value);
  }
  sum.series.shrink_to_fit();  // kept for minutes
  return sum;
}

}  // namespace

std::shared_ptr<const Snapshot> condense(const Snapshot& reading, std::span<const SignalSpec* const> signals) {
  std::set<std::string_view> metrics;
  for (const SignalSpec* signal : signals) {
    metrics.insert(signal->numerator.metric);
    metrics.insert(signal->denominator.metric);
  }
  auto condensed = std::make_shared<Snapshot>();
  condensed->monotonic = reading.monotonic;
  for (const Family& family : reading.families) {
    if (metrics.contains(family.spec->name)) {
      condensed->families.push_back(without_groups(family));
    }
  }
  return condensed;
}

}  // namespace tcpperf::core

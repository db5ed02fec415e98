#include "core/signals/signal.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace tcpperf::core {
namespace {

struct ByLabelValues {
  bool operator()(const LabelValues& a, const LabelValues& b) const { return *a < *b; }
};

// Finds the series of an older reading. Readings normally hold the same series in the same order, so the position is
// tried first; the index is built only when that fails.
class OlderSeries {
 public:
  explicit OlderSeries(const Family& family) : series_(family.series) {}

  const Series* find(std::size_t position, const LabelValues& labels) {
    if (position < series_.size()) {
      const Series& candidate = series_[position];
      if (candidate.labels == labels || *candidate.labels == *labels) {
        return &candidate;
      }
    }
    if (index_.empty()) {
      for (const Series& candidate : series_) {
        index_.emplace(candidate.labels, &candidate);
      }
    }
    const auto found = index_.find(labels);
    return found == index_.end() ? nullptr : found->second;
  }

 private:
  const std::vector<Series>& series_;
  std::map<LabelValues, const Series*, ByLabelValues> index_;
};

// A selector with its label names resolved to positions. A label the metric does not have is the empty string.
class Matcher {
 public:
  Matcher(const SeriesSelector& selector, const MetricSpec& metric) {
    for (const LabelMatch& match : selector.matches) {
      const auto label = std::find(metric.labels.begin(), metric.labels.end(), match.label);
      matches_.push_back({static_cast<std::size_t>(label - metric.labels.begin()), &match});
    }
  }

  bool operator()(const LabelValues& labels) const {
    return std::all_of(matches_.begin(), matches_.end(), [&](const Resolved& match) {
      const bool equal =
          match.position < labels->size() ? (*labels)[match.position] == match.spec->value : match.spec->value.empty();
      return equal != match.spec->negated;
    });
  }

 private:
  struct Resolved {
    std::size_t position;
    const LabelMatch* spec;
  };
  std::vector<Resolved> matches_;
};

// Calls add(value now, value before or nullptr) for every matching series; false when a reading lacks the metric, or it
// is of another kind.
template <typename Value, typename Add>
bool for_each_pair(const SeriesSelector& selector, const Snapshot& newer, const Snapshot& older, Add add) {
  const Family* const now = newer.find(selector.metric);
  const Family* const before = older.find(selector.metric);
  if (now == nullptr || before == nullptr) {
    return false;
  }
  const Matcher matches(selector, *now->spec);
  OlderSeries older_series(*before);
  for (std::size_t i = 0; i < now->series.size(); ++i) {
    const Series& series = now->series[i];
    const auto* const value = std::get_if<Value>(&series.value);
    if (value == nullptr) {
      return false;
    }
    if (!matches(series.labels)) {
      continue;
    }
    const Series* const old = older_series.find(i, series.labels);
    add(*value, old == nullptr ? nullptr : std::get_if<Value>(&old->value));
  }
  return true;
}

std::optional<double> increase(const SeriesSelector& selector, const Snapshot& newer, const Snapshot& older) {
  double total = 0;
  const bool known = for_each_pair<double>(selector, newer, older, [&](double now, const double* before) {
    total += before != nullptr && *before <= now ? now - *before : now;
  });
  return known ? std::optional(total) : std::nullopt;
}

std::uint64_t as_samples(double increase) {
  return increase <= 0 ? 0 : static_cast<std::uint64_t>(std::min(std::round(increase), 0x1p63));
}

SignalValue without_value(NoValue reason) {
  SignalValue result;
  result.reason = reason;
  return result;
}

SignalValue quantile_signal(const SignalSpec& spec, const Snapshot& newer, const Snapshot& older) {
  Histogram all;
  const auto add = [&](const Histogram& now, const Histogram* before) {
    all = merge(all, before != nullptr ? delta(now, *before) : now);
  };
  if (!for_each_pair<Histogram>(spec.numerator, newer, older, add)) {
    return without_value(NoValue::kNoMetric);
  }
  SignalValue result = without_value(NoValue::kNoObservations);
  result.value = quantile(all, spec.q);
  result.samples = all.count();
  return result;
}

SignalValue rate_signal(const SignalSpec& spec, const Snapshot& newer, const Snapshot& older) {
  const std::optional<double> gained = increase(spec.numerator, newer, older);
  if (!gained) {
    return without_value(NoValue::kNoMetric);
  }
  SignalValue result;
  result.value = *gained / std::chrono::duration<double>(newer.monotonic - older.monotonic).count();
  result.samples = as_samples(*gained);
  return result;
}

SignalValue ratio_signal(const SignalSpec& spec, const Snapshot& newer, const Snapshot& older) {
  const std::optional<double> part = increase(spec.numerator, newer, older);
  std::optional<double> whole = increase(spec.denominator, newer, older);
  if (!part || !whole) {
    return without_value(NoValue::kNoMetric);
  }
  if (spec.kind == SignalKind::kShare) {
    *whole += *part;
  }
  if (*whole <= 0) {
    return without_value(NoValue::kNoObservations);
  }
  SignalValue result;
  result.value = *part / *whole;
  result.samples = as_samples(*whole);
  return result;
}

SignalValue gauge_signal(const SignalSpec& spec, const Snapshot& newer) {
  SignalValue result = without_value(NoValue::kNoMetric);
  result.sampled = false;
  double total = 0;
  const bool known =
      for_each_pair<double>(spec.numerator, newer, newer, [&](double now, const double*) { total += now; });
  if (known) {
    result.value = total;
  }
  return result;
}

SignalValue value_of(const SignalSpec& spec, const Snapshot& newer, const Snapshot& older) {
  if (spec.kind == SignalKind::kGauge) {
    return gauge_signal(spec, newer);
  }
  if (newer.monotonic <= older.monotonic) {
    return without_value(NoValue::kNoHistory);
  }
  switch (spec.kind) {
    case SignalKind::kQuantile: return quantile_signal(spec, newer, older);
    case SignalKind::kRate: return rate_signal(spec, newer, older);
    case SignalKind::kRatio:
    case SignalKind::kShare: return ratio_signal(spec, newer, older);
    case SignalKind::kGauge: break;
  }
  return without_value(NoValue::kNoMetric);
}

}  // namespace

SignalValue evaluate(const SignalSpec& spec, const Snapshot& newer, const Snapshot& older) {
  SignalValue result = value_of(spec, newer, older);
  result.unit = spec.kind == SignalKind::kRate ? Unit::kNone : spec.unit;
  return result;
}

}  // namespace tcpperf::core

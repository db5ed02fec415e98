#include "core/signals/signal.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <variant>
#include <vector>

#include "core/signals/accumulate.h"

namespace tcpperf::core {
namespace {

// A selector with its label names resolved to positions. A label the metric does not have is the empty string; those of
// groups are not the metric's.
class Matcher {
 public:
  Matcher(const SeriesSelector& selector, const MetricSpec& metric) {
    for (const LabelMatch& match : selector.matches) {
      const auto label = std::find(metric.labels.begin(), metric.labels.end(), match.label);
      const bool known = label != metric.labels.end();
      matches_.push_back({known ? static_cast<std::size_t>(label - metric.labels.begin()) : kNoLabel, &match});
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
  static constexpr std::size_t kNoLabel = static_cast<std::size_t>(-1);
  struct Resolved {
    std::size_t position;
    const LabelMatch* spec;
  };
  std::vector<Resolved> matches_;
};

// Of all matching series; nullopt when the reading lacks the metric, or it is of another kind.
template <typename Value>
std::optional<Value> total(const SeriesSelector& selector, const Snapshot& reading) {
  const Family* const family = reading.find(selector.metric);
  if (family == nullptr) {
    return std::nullopt;
  }
  const Matcher matches(selector, *family->spec);
  Value sum{};
  for (const Series& series : family->series) {
    const auto* const value = std::get_if<Value>(&series.value);
    if (value == nullptr) {
      return std::nullopt;
    }
    if (matches(series.labels)) {
      accumulate(*family->spec, sum, *value);
    }
  }
  return sum;
}

std::optional<double> increase(const SeriesSelector& selector, const Snapshot& newer, const Snapshot& older) {
  const std::optional<double> now = total<double>(selector, newer);
  const std::optional<double> before = total<double>(selector, older);
  if (!now || !before) {
    return std::nullopt;
  }
  return *before <= *now ? *now - *before : *now;
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
  const std::optional<Histogram> now = total<Histogram>(spec.numerator, newer);
  const std::optional<Histogram> before = total<Histogram>(spec.numerator, older);
  if (!now || !before) {
    return without_value(NoValue::kNoMetric);
  }
  const Histogram gained = delta(*now, *before);
  SignalValue result = without_value(NoValue::kNoObservations);
  result.value = quantile(gained, spec.q);
  result.samples = gained.count();
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

SignalValue sum_rate_signal(const SignalSpec& spec, const Snapshot& newer, const Snapshot& older) {
  const std::optional<Histogram> now = total<Histogram>(spec.numerator, newer);
  const std::optional<Histogram> before = total<Histogram>(spec.numerator, older);
  if (!now || !before) {
    return without_value(NoValue::kNoMetric);
  }
  const Histogram gained = delta(*now, *before);
  SignalValue result;
  result.value = gained.sum / std::chrono::duration<double>(newer.monotonic - older.monotonic).count();
  result.samples = gained.count();
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
  result.value = total<double>(spec.numerator, newer);
  return result;
}

bool is_rate(SignalKind kind) {
  return kind == SignalKind::kRate || kind == SignalKind::kSumRate;
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
    case SignalKind::kSumRate: return sum_rate_signal(spec, newer, older);
    case SignalKind::kRatio:
    case SignalKind::kShare: return ratio_signal(spec, newer, older);
    case SignalKind::kGauge: break;
  }
  return without_value(NoValue::kNoMetric);
}

}  // namespace

SignalValue evaluate(const SignalSpec& spec, const Snapshot& newer, const Snapshot& older) {
  SignalValue result = value_of(spec, newer, older);
  result.unit = is_rate(spec.kind) ? Unit::kNone : spec.unit;
  return result;
}

}  // namespace tcpperf::core

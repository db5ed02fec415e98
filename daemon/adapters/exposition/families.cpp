#include "adapters/exposition/families.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/histogram/histogram.h"

namespace tcpperf::adapters::exposition {
namespace {

prometheus::MetricType type_of(core::MetricKind kind) {
  switch (kind) {
    case core::MetricKind::kCounter: return prometheus::MetricType::Counter;
    case core::MetricKind::kGauge: return prometheus::MetricType::Gauge;
    case core::MetricKind::kHistogram: return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

prometheus::ClientMetric::Histogram to_classic(const core::Histogram& histogram, core::BorderRange borders,
                                               int buckets_per_octave) {
  const auto buckets = core::classic_buckets(histogram, borders, buckets_per_octave);
  prometheus::ClientMetric::Histogram out;
  out.sample_count = histogram.count();
  out.sample_sum = histogram.sum;
  out.bucket.reserve(buckets.size());
  for (const core::ClassicBucket& bucket : buckets) {
    out.bucket.push_back({bucket.cumulative_count, bucket.upper_bound});
  }
  return out;
}

prometheus::ClientMetric to_client_metric(const core::MetricSpec& spec,
                                          const std::vector<std::string_view>& label_names, const core::Series& series,
                                          int buckets_per_octave) {
  prometheus::ClientMetric metric;
  const std::size_t labels = std::min(label_names.size(), series.labels->size());
  metric.label.reserve(labels);
  for (std::size_t i = 0; i < labels; ++i) {
    metric.label.push_back({std::string(label_names[i]), (*series.labels)[i]});
  }
  if (const auto* number = std::get_if<double>(&series.value)) {
    (spec.kind == core::MetricKind::kCounter ? metric.counter.value : metric.gauge.value) = *number;
  } else if (const auto* histogram = std::get_if<core::Histogram>(&series.value)) {
    metric.histogram = to_classic(*histogram, spec.borders, buckets_per_octave);
  }
  return metric;
}

}  // namespace

prometheus::MetricFamily to_metric_family(const core::Family& family, int buckets_per_octave) {
  prometheus::MetricFamily out;
  out.name = family.spec->name;
  out.help = family.spec->help;
  out.type = type_of(family.spec->kind);
  out.metric.reserve(family.series.size());
  std::vector<std::string_view> label_names = family.spec->labels;
  label_names.insert(label_names.end(), family.group_labels.begin(), family.group_labels.end());
  for (const core::Series& series : family.series) {
    out.metric.push_back(to_client_metric(*family.spec, label_names, series, buckets_per_octave));
  }
  return out;
}

}  // namespace tcpperf::adapters::exposition

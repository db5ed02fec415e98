#include "adapters/exposition/families.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
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

// Its borders are those of all series of a family.
class ClassicHistograms {
 public:
  ClassicHistograms(core::BorderRange range, int buckets_per_octave)
      : range_(range),
        buckets_per_octave_(buckets_per_octave),
        borders_(core::classic_borders(range, buckets_per_octave)) {}

  prometheus::ClientMetric::Histogram of(const core::Histogram& histogram) {
    core::cumulative_counts(histogram, range_, buckets_per_octave_, counts_);
    prometheus::ClientMetric::Histogram out;
    out.sample_count = histogram.count();
    out.sample_sum = histogram.sum;
    out.bucket.resize(borders_.size());
    for (std::size_t i = 0; i < borders_.size(); ++i) {
      out.bucket[i] = {counts_[i], borders_[i]};
    }
    return out;
  }

 private:
  core::BorderRange range_;
  int buckets_per_octave_;
  std::vector<double> borders_;
  std::vector<std::uint64_t> counts_;
};

prometheus::ClientMetric to_client_metric(const core::MetricSpec& spec,
                                          const std::vector<std::string_view>& label_names, const core::Series& series,
                                          ClassicHistograms& histograms) {
  prometheus::ClientMetric metric;
  const std::size_t labels = std::min(label_names.size(), series.labels->size());
  metric.label.reserve(labels);
  for (std::size_t i = 0; i < labels; ++i) {
    metric.label.push_back({std::string(label_names[i]), (*series.labels)[i]});
  }
  if (const auto* number = std::get_if<double>(&series.value)) {
    (spec.kind == core::MetricKind::kCounter ? metric.counter.value : metric.gauge.value) = *number;
  } else if (const auto* histogram = std::get_if<core::Histogram>(&series.value)) {
    metric.histogram = histograms.of(*histogram);
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
  ClassicHistograms histograms(family.spec->borders, buckets_per_octave);
  for (const core::Series& series : family.series) {
    out.metric.push_back(to_client_metric(*family.spec, label_names, series, histograms));
  }
  return out;
}

}  // namespace tcpperf::adapters::exposition

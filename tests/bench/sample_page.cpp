#include "sample_page.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace tcpperf::bench {
namespace {

constexpr int kPerOctave = core::Histogram::kBucketsPerOctave;

// Classic borders for each of the buckets in use, so that all formats say the same.
const core::MetricSpec kSpec{.name = "tcpperf_measurement_seconds",
                             .help = "How long it took.",
                             .kind = core::MetricKind::kHistogram,
                             .unit = core::Unit::kSeconds,
                             .labels = {"direction", "remote"},
                             .borders = {-20, -20 + kBucketsInUse / kPerOctave}};

core::Histogram sample_histogram(std::mt19937_64& random) {
  core::Histogram histogram;
  histogram.first_index = kSpec.borders.min_exponent * kPerOctave + 1;
  for (int b = 0; b < kBucketsInUse; ++b) {
    histogram.buckets.push_back(1 + random() % 1000);
  }
  histogram.sum = static_cast<double>(histogram.count()) * 0.0123;
  return histogram;
}

}  // namespace

core::Snapshot sample_page(std::int64_t histograms) {
  constexpr std::int64_t kSeriesOfFamily = 100;
  std::mt19937_64 random(1);
  core::Snapshot snapshot;
  for (std::int64_t i = 0; i < histograms; ++i) {
    if (i % kSeriesOfFamily == 0) {
      snapshot.families.push_back({&kSpec, {}});
    }
    snapshot.families.back().series.push_back(
        {std::make_shared<const std::vector<std::string>>(
             std::vector<std::string>{"outgoing", "10.0." + std::to_string(i % kSeriesOfFamily) + ".0/24"}),
         sample_histogram(random)});
  }
  return snapshot;
}

}  // namespace tcpperf::bench

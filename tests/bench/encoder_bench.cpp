// A page of 1,000 histograms with 40 buckets each: our encoders against the serializer of prometheus-cpp.
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <prometheus/text_serializer.h>

#include "adapters/exposition/encoder.h"

namespace {

using tcpperf::adapters::exposition::OpenMetricsEncoder;
using tcpperf::adapters::exposition::TextEncoder;

std::vector<prometheus::MetricFamily> page() {
  constexpr int kFamilies = 10;
  constexpr int kSeries = 100;
  constexpr int kBuckets = 40;
  std::mt19937_64 random(1);
  std::vector<prometheus::MetricFamily> families;
  for (int f = 0; f < kFamilies; ++f) {
    prometheus::MetricFamily family;
    family.name = "tcpperf_measurement_" + std::to_string(f) + "_seconds";
    family.help = "How long it took.";
    family.type = prometheus::MetricType::Histogram;
    for (int s = 0; s < kSeries; ++s) {
      prometheus::ClientMetric metric;
      metric.label = {{"direction", "outgoing"}, {"remote", "10.0." + std::to_string(s) + ".0/24"}};
      std::uint64_t count = 0;
      for (int b = 0; b < kBuckets; ++b) {
        count += random() % 1000;
        metric.histogram.bucket.push_back({count, std::ldexp(1.0, b - 30)});
      }
      metric.histogram.sample_count = count;
      metric.histogram.sample_sum = static_cast<double>(count) * 0.0123;
      family.metric.push_back(metric);
    }
    families.push_back(family);
  }
  return families;
}

template <typename Serializer>
void serialize(benchmark::State& state) {
  const auto families = page();
  const Serializer serializer;
  const prometheus::Serializer& interface = serializer;
  std::int64_t bytes = 0;
  for (auto _ : state) {
    const std::string text = interface.Serialize(families);
    bytes += static_cast<std::int64_t>(text.size());
    benchmark::DoNotOptimize(text.data());
  }
  state.SetBytesProcessed(bytes);
}

BENCHMARK_TEMPLATE(serialize, TextEncoder)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(serialize, OpenMetricsEncoder)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(serialize, prometheus::TextSerializer)->Unit(benchmark::kMillisecond);

}  // namespace

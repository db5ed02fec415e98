// Pages of 100, 1,000 and 10,000 histograms with 40 buckets in use, from the snapshot to the bytes, in every format:
// the text with a border for each of these buckets, so that all say the same. And our text encoder beside the
// serializer of prometheus-cpp, from the same families.
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <prometheus/text_serializer.h>

#include "adapters/exposition/encoder.h"
#include "adapters/exposition/families.h"
#include "adapters/exposition/page.h"

namespace {

using namespace tcpperf;
using adapters::exposition::Format;
using core::ProtobufHistograms;

constexpr int kBucketsInUse = 40;
constexpr int kPerOctave = core::Histogram::kBucketsPerOctave;

const core::MetricSpec spec{.name = "tcpperf_measurement_seconds",
                            .help = "How long it took.",
                            .kind = core::MetricKind::kHistogram,
                            .unit = core::Unit::kSeconds,
                            .labels = {"direction", "remote"},
                            .borders = {-20, -20 + kBucketsInUse / kPerOctave}};

core::Snapshot snapshot_of(std::int64_t histograms) {
  constexpr std::int64_t kSeriesOfFamily = 100;
  std::mt19937_64 random(1);
  core::Snapshot snapshot;
  for (std::int64_t i = 0; i < histograms; ++i) {
    if (i % kSeriesOfFamily == 0) {
      snapshot.families.push_back({&spec, {}});
    }
    core::Histogram histogram;
    histogram.first_index = spec.borders.min_exponent * kPerOctave + 1;
    for (int b = 0; b < kBucketsInUse; ++b) {
      histogram.buckets.push_back(1 + random() % 1000);
    }
    histogram.sum = static_cast<double>(histogram.count()) * 0.0123;
    snapshot.families.back().series.push_back(
        {std::make_shared<const std::vector<std::string>>(
             std::vector<std::string>{"outgoing", "10.0." + std::to_string(i % kSeriesOfFamily) + ".0/24"}),
         std::move(histogram)});
  }
  return snapshot;
}

void page(benchmark::State& state, Format format, ProtobufHistograms in_protobuf) {
  const core::Snapshot snapshot = snapshot_of(state.range(0));
  std::size_t bytes = 0;
  for (auto _ : state) {
    const std::string text = encode_page(snapshot, format, {kPerOctave, in_protobuf});
    bytes = text.size();
    benchmark::DoNotOptimize(text.data());
  }
  state.counters["bytes"] = static_cast<double>(bytes);
}

template <typename Serializer>
void serialize(benchmark::State& state) {
  const auto families = adapters::exposition::to_metric_families(snapshot_of(state.range(0)), kPerOctave);
  const Serializer serializer;
  const prometheus::Serializer& interface = serializer;
  std::size_t bytes = 0;
  for (auto _ : state) {
    const std::string text = interface.Serialize(families);
    bytes = text.size();
    benchmark::DoNotOptimize(text.data());
  }
  state.counters["bytes"] = static_cast<double>(bytes);
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(100)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(page, text, Format::kText, ProtobufHistograms::kBoth)->Apply(sizes);
BENCHMARK_CAPTURE(page, openmetrics, Format::kOpenMetrics, ProtobufHistograms::kBoth)->Apply(sizes);
BENCHMARK_CAPTURE(page, protobuf_native, Format::kProtobuf, ProtobufHistograms::kNative)->Apply(sizes);
BENCHMARK_CAPTURE(page, protobuf_classic, Format::kProtobuf, ProtobufHistograms::kClassic)->Apply(sizes);
BENCHMARK_CAPTURE(page, protobuf_both, Format::kProtobuf, ProtobufHistograms::kBoth)->Apply(sizes);
BENCHMARK_TEMPLATE(serialize, adapters::exposition::TextEncoder)->Arg(1'000)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(serialize, adapters::exposition::OpenMetricsEncoder)->Arg(1'000)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(serialize, prometheus::TextSerializer)->Arg(1'000)->Unit(benchmark::kMillisecond);

}  // namespace

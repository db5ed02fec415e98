// Pages of 100, 1,000 and 10,000 histograms with 40 buckets in use, from the snapshot to the bytes, in every format:
// the text with a border for each of these buckets, so that all say the same. And our text encoder beside the
// serializer of prometheus-cpp, from the same families.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <prometheus/text_serializer.h>

#include "adapters/exposition/encoder.h"
#include "adapters/exposition/families.h"
#include "adapters/exposition/page.h"
#include "sample_page.h"

namespace {

using namespace tcpperf;
using adapters::exposition::Format;
using core::ProtobufHistograms;

constexpr int kPerOctave = core::Histogram::kBucketsPerOctave;

void page(benchmark::State& state, Format format, ProtobufHistograms in_protobuf) {
  const core::Snapshot snapshot = bench::sample_page(state.range(0));
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
  std::vector<prometheus::MetricFamily> families;
  for (const core::Family& family : bench::sample_page(state.range(0)).families) {
    families.push_back(adapters::exposition::to_metric_family(family, kPerOctave));
  }
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

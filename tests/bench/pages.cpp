// Makes a page of 1,000 histograms so many times, in one format: for callgrind, which counts what that takes.
//
// usage: tcpperf_bench_pages text|openmetrics|protobuf COUNT
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "adapters/exposition/page.h"
#include "sample_page.h"

int main(int argc, char** argv) {
  using tcpperf::adapters::exposition::Format;
  const std::map<std::string_view, Format> formats{
      {"text", Format::kText}, {"openmetrics", Format::kOpenMetrics}, {"protobuf", Format::kProtobuf}};
  const auto format = formats.find(argc == 3 ? argv[1] : "");
  if (format == formats.end()) {
    std::fprintf(stderr, "usage: tcpperf_bench_pages text|openmetrics|protobuf COUNT\n");
    return 2;
  }
  constexpr int kHistograms = 1000;
  const tcpperf::core::Snapshot snapshot = tcpperf::bench::sample_page(kHistograms);
  std::size_t bytes = 0;
  for (unsigned long left = std::strtoul(argv[2], nullptr, 10); left > 0; --left) {
    bytes = encode_page(snapshot, format->second,
                        {tcpperf::core::Histogram::kBucketsPerOctave, tcpperf::core::ProtobufHistograms::kNative})
                .size();
  }
  std::printf("%zu\n", bytes);
  return 0;
}

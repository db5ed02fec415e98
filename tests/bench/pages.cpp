// Makes a page of 1,000 histograms so many times, in one format, or reads them out of the kernel's arrays (fold): for
// callgrind, which counts what that takes.
//
// usage: tcpperf_bench_pages fold|text|openmetrics|protobuf COUNT
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "adapters/exposition/page.h"
#include "sample_maps.h"
#include "sample_page.h"

namespace {

std::size_t fold(unsigned long times) {
  const tcpperf::bench::SampleMaps maps;
  const tcpperf::core::ProbeDescriptor* const probes[] = {&maps.probe()};
  tcpperf::core::Folder folder(probes, tcpperf::bench::NoKernel());
  std::size_t series = 0;
  for (; times > 0; --times) {
    tcpperf::core::Snapshot snapshot;
    folder.fold(maps.probe(), maps, snapshot);
    series = snapshot.families.front().series.size();
  }
  return series;
}

}  // namespace

int main(int argc, char** argv) {
  using tcpperf::adapters::exposition::Format;
  const unsigned long times = argc == 3 ? std::strtoul(argv[2], nullptr, 10) : 0;
  if (argc == 3 && std::string_view(argv[1]) == "fold") {
    std::printf("%zu\n", fold(times));
    return 0;
  }
  const std::map<std::string_view, Format> formats{
      {"text", Format::kText}, {"openmetrics", Format::kOpenMetrics}, {"protobuf", Format::kProtobuf}};
  const auto format = formats.find(argc == 3 ? argv[1] : "");
  if (format == formats.end()) {
    std::fprintf(stderr, "usage: tcpperf_bench_pages fold|text|openmetrics|protobuf COUNT\n");
    return 2;
  }
  const tcpperf::core::Snapshot snapshot = tcpperf::bench::sample_page(tcpperf::bench::kSampleHistograms);
  std::size_t bytes = 0;
  for (unsigned long left = times; left > 0; --left) {
    bytes = encode_page(snapshot, format->second,
                        {tcpperf::core::Histogram::kBucketsPerOctave, tcpperf::core::ProtobufHistograms::kNative})
                .size();
  }
  std::printf("%zu\n", bytes);
  return 0;
}

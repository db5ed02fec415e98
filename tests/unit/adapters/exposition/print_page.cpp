// Prints a page in the format named by its first argument, for programs that know these formats.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "adapters/exposition/page.h"
#include "sample_page.h"

int main(int argc, char** argv) {
  using namespace tcpperf;
  using adapters::exposition::Format;
  const std::map<std::string_view, Format> formats{
      {"text", Format::kText}, {"openmetrics", Format::kOpenMetrics}, {"protobuf", Format::kProtobuf}};
  const auto format = formats.find(argc > 1 ? argv[1] : "");
  if (format == formats.end() || argc > 4) {
    std::fputs(
        "usage: exposition_page text|openmetrics|protobuf [BUCKETS_PER_OCTAVE [SEED]]\n"
        "without a seed it is the page with the hard cases\n",
        stderr);
    return 2;
  }
  core::HistogramExposition histograms;
  histograms.buckets_per_octave = argc > 2 ? std::atoi(argv[2]) : 1;
  const core::Snapshot snapshot =
      argc > 3 ? tests::random_snapshot(std::strtoull(argv[3], nullptr, 10)) : tests::sample_snapshot();
  const std::string page = encode_page(snapshot, format->second, histograms);
  return std::fwrite(page.data(), 1, page.size(), stdout) == page.size() ? 0 : 1;
}

#include "sample_maps.h"

#include <string>
#include <string_view>
#include <utility>

#include "sample_page.h"

namespace tcpperf::bench {
namespace {

constexpr std::string_view kMap = "sample_hist";

std::vector<core::Cell> cells(const core::KernelNames& /*kernel*/) {
  std::vector<core::Cell> out;
  for (std::uint32_t i = 0; i < kSampleHistograms; ++i) {
    out.push_back({i, {"10.0." + std::to_string(i) + ".0/24"}});
  }
  return out;
}

}  // namespace

SampleMaps::SampleMaps() : histograms_(kSampleHistograms) {
  constexpr std::uint64_t kFirst = std::uint64_t{1} << 10;
  probe_.name = "sample";
  probe_.metrics = {{{.name = "tcpperf_sample_seconds",
                      .help = "How long it took.",
                      .kind = core::MetricKind::kHistogram,
                      .unit = core::Unit::kSeconds,
                      .labels = {"remote"},
                      .borders = {-20, 5}},
                     {core::SourceKind::kHistograms, kMap, cells}}};
  for (tcpperf_histogram& histogram : histograms_) {
    const std::uint32_t first = tcpperf_histogram_index(kFirst);
    for (std::uint32_t i = 0; i < kBucketsInUse; ++i) {
      histogram.bucket[first + i] = 1 + i;
      histogram.sum += (1 + i) * kFirst;
    }
  }
}

std::span<const std::uint64_t> SampleMaps::counters(std::string_view /*map*/) const {
  return {};
}

std::span<const tcpperf_histogram> SampleMaps::histograms(std::string_view map) const {
  return map == kMap ? std::span(histograms_) : std::span<const tcpperf_histogram>{};
}

std::uint64_t SampleMaps::knob(std::string_view /*symbol*/) const {
  return 0;
}

std::vector<std::pair<std::string, std::uint32_t>> NoKernel::enumerators(std::string_view /*name*/) const {
  return {};
}

bool NoKernel::has_field(std::string_view /*type*/, std::string_view /*field*/) const {
  return false;
}

}  // namespace tcpperf::bench

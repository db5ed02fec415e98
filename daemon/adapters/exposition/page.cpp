#include "adapters/exposition/page.h"

#include <cstddef>
#include <string_view>
#include <variant>

#include "adapters/exposition/encoder.h"
#include "adapters/exposition/families.h"
#include "adapters/exposition/protobuf_encoder.h"
#include "core/histogram/histogram.h"

namespace tcpperf::adapters::exposition {
namespace {

// About how long a text page gets, rather more than less; see reserve_page().
std::size_t estimate_text_bytes(const core::Snapshot& snapshot, int buckets_per_octave) {
  constexpr std::size_t kMetadata = 64;     // around names and help
  constexpr std::size_t kLine = 48;         // suffix, border, value
  constexpr std::size_t kLabel = 4;         // around name and value
  constexpr std::size_t kOtherBuckets = 3;  // +Inf, and the lines of sum and count
  std::size_t bytes = kMetadata;
  for (const core::Family& family : snapshot.families) {
    const core::MetricSpec& spec = *family.spec;
    bytes += kMetadata + 3 * spec.name.size() + spec.help.size();
    std::size_t names = 0;
    for (const auto& labels : {spec.labels, family.group_labels}) {
      for (const std::string_view name : labels) {
        names += kLabel + name.size();
      }
    }
    const auto octaves = static_cast<std::size_t>(spec.borders.max_exponent - spec.borders.min_exponent);
    const std::size_t lines = spec.kind == core::MetricKind::kHistogram
                                  ? kOtherBuckets + 1 + octaves * static_cast<std::size_t>(buckets_per_octave)
                                  : 1;
    for (const core::Series& series : family.series) {
      std::size_t line = kLine + spec.name.size() + names;
      for (const std::string& value : *series.labels) {
        line += value.size();
      }
      bytes += line * lines;
    }
  }
  return bytes;
}

std::string encode_text(const Encoder& encoder, const core::Snapshot& snapshot, int buckets_per_octave) {
  const auto page = encoder.begin(estimate_text_bytes(snapshot, buckets_per_octave));
  for (const core::Family& family : snapshot.families) {
    if (!family.series.empty()) {
      page->add(to_metric_family(family, buckets_per_octave));
    }
  }
  return page->finish();
}

}  // namespace

std::string encode_page(const core::Snapshot& snapshot, Format format, const core::HistogramExposition& histograms) {
  switch (format) {
    case Format::kText: return encode_text(TextEncoder(), snapshot, histograms.buckets_per_octave);
    case Format::kOpenMetrics: return encode_text(OpenMetricsEncoder(), snapshot, histograms.buckets_per_octave);
    case Format::kProtobuf: return encode_protobuf(snapshot, histograms);
  }
  return {};
}

}  // namespace tcpperf::adapters::exposition

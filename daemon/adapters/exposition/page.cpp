#include "adapters/exposition/page.h"

#include "adapters/exposition/encoder.h"
#include "adapters/exposition/families.h"
#include "adapters/exposition/protobuf_encoder.h"

namespace tcpperf::adapters::exposition {

std::string encode_page(const core::Snapshot& snapshot, Format format, const core::HistogramExposition& histograms) {
  switch (format) {
    case Format::kText: return TextEncoder().encode(to_metric_families(snapshot, histograms.buckets_per_octave));
    case Format::kOpenMetrics:
      return OpenMetricsEncoder().encode(to_metric_families(snapshot, histograms.buckets_per_octave));
    case Format::kProtobuf: return encode_protobuf(snapshot, histograms);
  }
  return {};
}

}  // namespace tcpperf::adapters::exposition

// How histograms are served: said by the configuration, obeyed by the encoders.
#pragma once

namespace tcpperf::core {

// Which histograms a protobuf page carries. A text page has classic ones alone, as it knows no others.
enum class ProtobufHistograms { kBoth, kNative, kClassic };

struct HistogramExposition {
  int buckets_per_octave = 1;  // of classic histograms: 1, 2, 4 or 8; native ones always have all 8
  ProtobufHistograms in_protobuf = ProtobufHistograms::kBoth;

  bool operator==(const HistogramExposition&) const = default;
};

}  // namespace tcpperf::core

#include "core/metrics/metric.h"

#include "abi/histogram.h"

namespace tcpperf::core {

std::string_view to_string(Unit unit) {
  switch (unit) {
    case Unit::kNone: return "";
    case Unit::kSeconds: return "seconds";
    case Unit::kBytes: return "bytes";
    case Unit::kSegments: return "segments";
    case Unit::kPackets: return "packets";
    case Unit::kConnections: return "connections";
    case Unit::kRatio: return "ratio";
    case Unit::kTimestampSeconds: return "unix seconds";
    case Unit::kBytesPerSecond: return "bytes per second";
  }
  return "";
}

int kernel_exponent(Unit unit) {
  switch (unit) {
    case Unit::kSeconds: return TCPPERF_TIME_EXPONENT;
    case Unit::kRatio: return TCPPERF_RATIO_EXPONENT;
    case Unit::kNone:
    case Unit::kBytes:
    case Unit::kSegments:
    case Unit::kPackets:
    case Unit::kConnections:
    case Unit::kTimestampSeconds:
    case Unit::kBytesPerSecond: break;
  }
  return 0;
}

std::string_view to_string(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter: return "counter";
    case MetricKind::kGauge: return "gauge";
    case MetricKind::kHistogram: return "histogram";
  }
  return "";
}

}  // namespace tcpperf::core

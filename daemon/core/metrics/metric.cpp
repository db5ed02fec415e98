#include "core/metrics/metric.h"

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
  }
  return "";
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

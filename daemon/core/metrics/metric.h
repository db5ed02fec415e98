// What a metric is, independent of where its numbers come from. A descriptor owns one MetricSpec per metric; the
// exposition, the generated documentation, `--probes.list` and the dashboard check read it and repeat nothing.
#pragma once

#include <string_view>
#include <vector>

namespace tcpperf::core {

enum class MetricKind { kCounter, kGauge, kHistogram };

// The base unit of the exported number. Time is always seconds, volume always bytes.
enum class Unit {
  kNone,
  kSeconds,
  kBytes,
  kSegments,
  kPackets,
  kConnections,
  kRatio,
  kTimestampSeconds,
  kBytesPerSecond
};

// "seconds", "bytes", ...; empty for kNone.
std::string_view to_string(Unit unit);
// One unit of a kernel histogram (abi/histogram.h) is 2^this of the base unit.
int kernel_exponent(Unit unit);
// "counter", "gauge", "histogram".
std::string_view to_string(MetricKind kind);

// Powers of two between which classic `le` borders are exposed, both included: 2^min_exponent ... 2^max_exponent in
// the base unit. Observations above the last border are in +Inf. Only histograms have one.
struct BorderRange {
  int min_exponent = 0;
  int max_exponent = 0;
};

struct MetricSpec {
  std::string_view name;  // full name; a counter ends in _total, a histogram or gauge in its unit where it has one
  std::string_view help;  // one or more sentences; says what is not counted
  MetricKind kind = MetricKind::kCounter;
  Unit unit = Unit::kNone;
  std::vector<std::string_view> labels;  // label names, in the order of every series' values
  BorderRange borders{};
  bool greatest = false;  // series are never added up: of several the greatest counts; not of histograms
};

}  // namespace tcpperf::core

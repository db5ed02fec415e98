#include "sample_page.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "adapters/exposition/families.h"
#include "core/metrics/snapshot.h"

namespace tcpperf::tests {
namespace {

const core::MetricSpec retransmissions{.name = "tcpperf_retransmitted_segments_total",
                                       .help = "Segments sent again, by cause.",
                                       .kind = core::MetricKind::kCounter,
                                       .unit = core::Unit::kSegments,
                                       .labels = {"cause"}};
const core::MetricSpec stalled{.name = "tcpperf_stalled_seconds_total",
                               .help = "Time in which nothing could be sent.",
                               .kind = core::MetricKind::kCounter,
                               .unit = core::Unit::kSeconds,
                               .labels = {}};
const core::MetricSpec sockets{.name = "tcpperf_sockets",
                               .help = "Sockets by \"state\";\na backslash is \\.",
                               .kind = core::MetricKind::kGauge,
                               .labels = {"state", "process"}};
const core::MetricSpec used{.name = "tcpperf_map_used_ratio",
                            .help = "Used part of a map.",
                            .kind = core::MetricKind::kGauge,
                            .unit = core::Unit::kRatio,
                            .labels = {"map"}};
const core::MetricSpec info{
    .name = "tcpperf_build_info", .help = "Always 1.", .kind = core::MetricKind::kGauge, .labels = {"version"}};
const core::MetricSpec rtt{.name = "tcpperf_rtt_seconds",
                           .help = "Round trip times.",
                           .kind = core::MetricKind::kHistogram,
                           .unit = core::Unit::kSeconds,
                           .labels = {"remote"},
                           .borders = {-20, 6}};
const core::MetricSpec queued{.name = "tcpperf_queued_bytes",
                              .help = "Bytes waiting.",
                              .kind = core::MetricKind::kHistogram,
                              .unit = core::Unit::kBytes,
                              .labels = {},
                              .borders = {0, 34}};

core::LabelValues values(std::vector<std::string> texts) {
  return std::make_shared<const std::vector<std::string>>(std::move(texts));
}

core::Histogram histogram(std::int32_t first_index) {
  core::Histogram h;
  h.zero_count = 2;
  h.first_index = first_index;
  h.buckets = {1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 12, 1};
  h.sum = std::ldexp(19, first_index / 8) + 0.1;
  return h;
}

}  // namespace

std::vector<prometheus::MetricFamily> sample_page() {
  core::Snapshot snapshot;
  snapshot.families.push_back({&retransmissions, {{values({"fast"}), 9007199254740993.0}, {values({"rto"}), 0.0}}});
  snapshot.families.push_back({&stalled, {{values({}), 0.30000000000000004}}});
  snapshot.families.push_back({&sockets,
                               {{values({"established", "back\\slash \"quote\"\nline"}), 12.0},
                                {values({"close_wait", "caf\xC3\xA9 \xFF\xFE"}), -1.0},
                                {values({"", ""}), 1e300}}});
  snapshot.families.push_back({&used, {{values({"flows"}), 1.0 / 3}, {values({"groups"}), 9.5367431640625e-07}}});
  snapshot.families.push_back({&info, {{values({"0.1.0"}), 1.0}}});
  snapshot.families.push_back(
      {&rtt, {{values({"10.0.0.0/8"}), histogram(-80)}, {values({"other"}), core::Histogram()}}});
  snapshot.families.push_back({&queued, {{values({}), histogram(100)}}});
  return adapters::exposition::to_metric_families(snapshot, 1);
}

}  // namespace tcpperf::tests

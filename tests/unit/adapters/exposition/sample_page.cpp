#include "sample_page.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>

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
const core::MetricSpec handshake{.name = "tcpperf_handshake_seconds",
                                 .help = "Handshakes.",
                                 .kind = core::MetricKind::kHistogram,
                                 .unit = core::Unit::kSeconds,
                                 .labels = {},
                                 .borders = {-30, 30}};
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

std::string random_text(std::mt19937_64& random) {
  std::string text;
  for (auto length = random() % 12; length > 0; --length) {
    text += static_cast<char>(random() % 2 == 0 ? 'a' + random() % 26 : random() % 256);
  }
  return text;
}

// Any of the kernel's buckets of the unit, more or less of them used, from few observations to as many as one can
// count.
core::Histogram random_histogram(std::mt19937_64& random, int unit_exponent) {
  core::Histogram h;
  h.zero_count = random() % 3 == 0 ? random() >> (random() % 64) >> 10U : 0;
  const auto length = random() % 482;
  h.first_index = static_cast<std::int32_t>(random() % (482 - length)) + unit_exponent * 8;
  const auto emptiness = random() % 5;
  for (std::uint64_t i = 0; i < length; ++i) {
    const bool at_end = i == 0 || i + 1 == length;
    h.buckets.push_back(at_end || random() % 5 >= emptiness ? 1 + (random() >> (random() % 48) >> 16U) : 0);
  }
  h.sum = std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 200) - 100);
  return h;
}

}  // namespace

core::Snapshot random_snapshot(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  core::Snapshot snapshot;
  const auto add = [&](const core::MetricSpec& spec, auto make_value) {
    core::Family family{&spec, {}, {"service_port", "role"}};
    const auto count = random() % 20;
    for (std::uint64_t i = 0; i < count; ++i) {
      std::vector<std::string> labels{std::to_string(i)};  // so that no series is there twice
      while (labels.size() < spec.labels.size() + 2) {
        labels.push_back(random_text(random));
      }
      family.series.push_back({values(labels), make_value()});
    }
    snapshot.families.push_back(family);
  };
  add(retransmissions, [&] { return static_cast<double>(random() >> (random() % 64)); });
  add(sockets, [&] { return std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 100) - 100); });
  add(rtt, [&] { return random_histogram(random, -30); });
  add(queued, [&] { return random_histogram(random, 0); });
  add(handshake, [&] { return random() % 2 == 0 ? random_histogram(random, -30) : core::Histogram(); });
  return snapshot;
}

core::Snapshot sample_snapshot() {
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
  return snapshot;
}

}  // namespace tcpperf::tests

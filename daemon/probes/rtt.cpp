#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

// 7.6 us, below what loopback takes, to 16 s.
constexpr core::BorderRange kRttBorders{-17, 4};

std::vector<core::Cell> rx_cells(const core::KernelNames& /*kernel*/) {
  return {{0, {"rx"}}};
}

}  // namespace

const core::ProbeDescriptor& rtt_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "rtt",
      .summary = "How long do segments take to be acknowledged?",
      .enable_symbol = "cfg_rtt",
      .hooks = {{.program = "on_ack"},
                {.program = "on_state", .required = false, .provides = "the handshake's and the last sample"}},
      .knobs = {{.key = "sample_interval",
                 .symbol = "cfg_rtt_interval_ns",
                 .type = core::KnobType::kDuration,
                 .default_value = 0,
                 .min_value = 0,
                 .max_value = 3'600'000'000'000,
                 .help = "Least time between two recorded samples of one connection; 0s records every measurement. "
                         "A longer interval costs less and lets busy connections outweigh quiet ones less."}},
      .metrics =
          {
              {{.name = "tcpperf_rtt_seconds",
                .help =
                    "Round-trip times as the kernel measured them, one observation per run of its estimator "
                    "(RFC 6298), in microsecond resolution. Taken on established connections, the handshake's "
                    "sample included. Not counted: packets that bring no new measurement (a pure receiver adds "
                    "nothing), and samples after the connection left ESTABLISHED. The kernel's first sample after a "
                    "SYN cookie is in whole milliseconds and up to 63 ms off." SCALED_UP,
                .kind = core::MetricKind::kHistogram,
                .unit = core::Unit::kSeconds,
                .labels = {"perspective"},
                .borders = kRttBorders},
               {core::SourceKind::kHistograms, "rtt_hist", rx_cells}},
              {{.name = "tcpperf_smoothed_rtt_seconds",
                .help =
                    "The connection's smoothed round-trip time (SRTT, RFC 6298) after each new measurement." SCALED_UP,
                .kind = core::MetricKind::kHistogram,
                .unit = core::Unit::kSeconds,
                .labels = {},
                .borders = kRttBorders},
               {core::SourceKind::kHistograms, "rtt_smoothed", single_cell}},
              {{.name = "tcpperf_rtt_variation_seconds",
                .help = "The connection's mean deviation of the round-trip time (tcpi_rttvar) after each new "
                        "measurement." SCALED_UP,
                .kind = core::MetricKind::kHistogram,
                .unit = core::Unit::kSeconds,
                .labels = {},
                .borders = kRttBorders},
               {core::SourceKind::kHistograms, "rtt_variation", single_cell}},
          },
      .signals =
          {
              quantile_signal("rtt_p50", "median round-trip time", 0.5, {"tcpperf_rtt_seconds", {}}),
              quantile_signal("rtt_p90", "90th percentile of the round-trip time", 0.9, {"tcpperf_rtt_seconds", {}}),
              quantile_signal("rtt_p99", "99th percentile of the round-trip time", 0.99, {"tcpperf_rtt_seconds", {}}),
              quantile_signal("rtt_p999", "99.9th percentile of the round-trip time", 0.999,
                              {"tcpperf_rtt_seconds", {}}),
              quantile_signal("smoothed_rtt_p50", "median smoothed round-trip time", 0.5,
                              {"tcpperf_smoothed_rtt_seconds", {}}),
              quantile_signal("smoothed_rtt_p99", "99th percentile of the smoothed round-trip time", 0.99,
                              {"tcpperf_smoothed_rtt_seconds", {}}),
              quantile_signal("rtt_variation_p99", "99th percentile of the round-trip time's mean deviation", 0.99,
                              {"tcpperf_rtt_variation_seconds", {}}),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

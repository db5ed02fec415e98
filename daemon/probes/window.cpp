#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

constexpr std::string_view kPerspective = "cfg_window_perspective";

constexpr core::BorderRange kSegmentBorders{0, 14};
constexpr core::BorderRange kWindowBorders{9, 26};
// From 4 KiB/s to what loopback does.
constexpr core::BorderRange kRateBorders{12, 36};
constexpr core::BorderRange kRttBorders{-17, 4};
constexpr core::BorderRange kRatioBorders{-10, 1};

constexpr std::array<std::string_view, 2> kPerspectives = {"rx", "tx"};

template <std::uint32_t kFirst>
std::vector<core::Cell> perspective_cells(const core::KernelNames& /*kernel*/) {
  std::vector<core::Cell> cells = named_cells(kFirst, kPerspectives);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i].only_with = kPerspective;
    cells[i].only_with_bits = i == 0 ? TCPPERF_WINDOW_RX : TCPPERF_WINDOW_TX;
  }
  return cells;
}
template <std::uint32_t kIndex>
std::vector<core::Cell> cell(const core::KernelNames& /*kernel*/) {
  return {{kIndex, {}}};
}
std::vector<core::Cell> rate_cells(const core::KernelNames& /*kernel*/) {
  return {{TCPPERF_WINDOW_RATE_APP_LIMITED, {"true"}}, {TCPPERF_WINDOW_RATE, {"false"}}};
}
std::vector<core::Cell> sent_cell(const core::KernelNames& /*kernel*/) {
  return {{.index = 0, .only_with = kPerspective, .only_with_bits = TCPPERF_WINDOW_TX}};
}
std::vector<core::Cell> used_cells(const core::KernelNames& /*kernel*/) {
  return {{TCPPERF_WINDOW_USED_CONGESTION, {"congestion"}}, {TCPPERF_WINDOW_USED_SEND, {"send"}}};
}

core::MetricDef histogram(std::string_view name, std::string_view help, core::Unit unit, core::BorderRange borders,
                          std::vector<std::string_view> labels,
                          std::vector<core::Cell> (*cells)(const core::KernelNames& kernel)) {
  return {{.name = name,
           .help = help,
           .kind = core::MetricKind::kHistogram,
           .unit = unit,
           .labels = std::move(labels),
           .borders = borders},
          {core::SourceKind::kHistograms, "window_hist", cells}};
}

std::vector<core::KnobSpec> knobs() {
  return {{.key = "perspective",
           .symbol = kPerspective,
           .type = core::KnobType::kChoice,
           .default_value = TCPPERF_WINDOW_RX,
           .min_value = TCPPERF_WINDOW_RX,
           .max_value = TCPPERF_WINDOW_RX | TCPPERF_WINDOW_TX,
           .help = "When to look: rx, when a segment arrives, before it is processed; tx, when one is sent, before it "
                   "counts as in flight; or both. tx needs the cgroup2 hierarchy and CAP_NET_ADMIN, and counts the "
                   "segments sent.",
           .choices = {{"rx", TCPPERF_WINDOW_RX},
                       {"tx", TCPPERF_WINDOW_TX},
                       {"both", TCPPERF_WINDOW_RX | TCPPERF_WINDOW_TX}}},
          {.key = "sample_interval",
           .symbol = "cfg_window_interval_ns",
           .type = core::KnobType::kDuration,
           .default_value = 1'000'000'000,
           .min_value = 0,
           .max_value = 3'600'000'000'000,
           .help = "Least time between two samples of one connection from one perspective; 0s samples at every "
                   "segment. A longer interval costs less and lets busy connections outweigh quiet ones less."}};
}

std::vector<core::MetricDef> metrics() {
  using core::Unit;
  return {
      histogram("tcpperf_congestion_window_segments",
                "The congestion window. A connection that only receives keeps the one it began with. Of established "
                "connections, like everything here that is sampled." SCALED_UP,
                Unit::kSegments, kSegmentBorders, {"perspective"}, perspective_cells<TCPPERF_WINDOW_CONGESTION>),
      histogram("tcpperf_inflight_segments",
                "Segments in flight: sent, and neither acknowledged nor known to have arrived or to be lost. Seen "
                "from rx, before what arrives is processed; from tx, without the segment that is being sent." SCALED_UP,
                Unit::kSegments, kSegmentBorders, {"perspective"}, perspective_cells<TCPPERF_WINDOW_INFLIGHT>),
      histogram("tcpperf_path_rtt_seconds",
                "The smoothed round-trip time (SRTT) that is in force at the moment. Both perspectives read the same "
                "number of the connection: where they differ, they only weigh moments differently, and neither is a "
                "delay of sending or receiving. Not counted: connections without a measurement." SCALED_UP,
                Unit::kSeconds, kRttBorders, {"perspective"}, perspective_cells<TCPPERF_WINDOW_RTT>),
      histogram("tcpperf_slow_start_threshold_segments",
                "The slow start threshold. Not counted while it is infinite, as it is before the first loss." SCALED_UP,
                Unit::kSegments, kSegmentBorders, {}, cell<TCPPERF_WINDOW_SSTHRESH>),
      histogram(
          "tcpperf_send_window_bytes",
          "How much the peer allows to be sent beyond what it has acknowledged. A window of 0 is counted." SCALED_UP,
          Unit::kBytes, kWindowBorders, {}, cell<TCPPERF_WINDOW_SEND>),
      histogram("tcpperf_receive_window_bytes", "How much the peer was last allowed to send." SCALED_UP, Unit::kBytes,
                kWindowBorders, {}, cell<TCPPERF_WINDOW_RECEIVE>),
      histogram("tcpperf_pacing_rate_bytes_per_second",
                "The rate at which the kernel would pace the connection; it does so only with a congestion control or "
                "a queueing discipline that paces. Not counted while it is unlimited." SCALED_UP,
                Unit::kBytesPerSecond, kRateBorders, {}, cell<TCPPERF_WINDOW_PACING>),
      histogram("tcpperf_delivery_rate_bytes_per_second",
                "The delivery rate as the kernel last measured it (tcpi_delivery_rate), when it is another measurement "
                "than in the sample before; app_limited is true when there was too little to send to learn the path's "
                "rate. Not counted: measurements that the kernel drops, which are those that are app-limited and lower "
                "than the one it has." SCALED_UP,
                Unit::kBytesPerSecond, kRateBorders, {"app_limited"}, rate_cells),
      histogram("tcpperf_min_rtt_seconds",
                "The least round-trip time that the kernel has measured lately (tcpi_min_rtt; five minutes unless "
                "net.ipv4.tcp_min_rtt_wlen says otherwise). Not counted: connections without a measurement." SCALED_UP,
                Unit::kSeconds, kRttBorders, {}, cell<TCPPERF_WINDOW_MIN_RTT>),
      histogram("tcpperf_bandwidth_delay_product_bytes",
                "What the path holds: the greatest delivery rate among the samples of the last 5 to 10 seconds, "
                "app-limited ones apart, times the least round-trip time. Not counted: connections without such a "
                "rate." SCALED_UP,
                Unit::kBytes, kWindowBorders, {}, cell<TCPPERF_WINDOW_BDP>),
      histogram("tcpperf_window_used_ratio",
                "How much of a window is in use: segments in flight per congestion window, or unacknowledged bytes per "
                "send window. Above 1 when the window has shrunk. Not counted while the window is 0." SCALED_UP,
                Unit::kRatio, kRatioBorders, {"window"}, used_cells),
      {{.name = "tcpperf_transmitted_segments_total",
        .help = "Segments that TCP has handed to the network, SYN, FIN, pure ACKs and retransmissions included "
                "(tcpi_segs_out), counted where a packet leaves IP for a device. Only with perspective tx or both. "
                "Not counted: SYN-ACKs, what is answered without a connection, and what a connection sent "
                "before the daemon started." SCALED_UP,
        .kind = core::MetricKind::kCounter,
        .unit = Unit::kSegments,
        .labels = {}},
       {core::SourceKind::kCounters, "window_sent", sent_cell}},
  };
}

}  // namespace

const core::ProbeDescriptor& window_probe() {
  using core::Unit;
  static const core::ProbeDescriptor kProbe{
      .name = "window",
      .summary = "How large are the windows, and how much of them is used?",
      .enable_symbol = "cfg_window",
      .hooks = {{.program = "on_ack", .only_with = kPerspective, .only_with_bits = TCPPERF_WINDOW_RX},
                {.program = "on_transmit",
                 .required = false,
                 .provides = "what is seen when segments are sent",
                 .only_with = kPerspective,
                 .only_with_bits = TCPPERF_WINDOW_TX}},
      .knobs = knobs(),
      .metrics = metrics(),
      .signals =
          {
              quantile_signal("cwnd_p50", "median congestion window", 0.5, {"tcpperf_congestion_window_segments", {}},
                              Unit::kSegments),
              quantile_signal("inflight_p50", "median of the segments in flight", 0.5,
                              {"tcpperf_inflight_segments", {}}, Unit::kSegments),
              quantile_signal("inflight_p99", "99th percentile of the segments in flight", 0.99,
                              {"tcpperf_inflight_segments", {}}, Unit::kSegments),
              quantile_signal("bdp_p50", "median bandwidth-delay product", 0.5,
                              {"tcpperf_bandwidth_delay_product_bytes", {}}, Unit::kBytes),
              quantile_signal("window_used_p50", "median share of the congestion window in use", 0.5,
                              {"tcpperf_window_used_ratio", {{"window", "congestion"}}}, Unit::kRatio),
              quantile_signal("delivery_rate_p50", "median delivery rate, app-limited ones apart", 0.5,
                              {"tcpperf_delivery_rate_bytes_per_second", {{"app_limited", "false"}}},
                              Unit::kBytesPerSecond),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

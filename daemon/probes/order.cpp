#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

constexpr std::array<std::string_view, 3> kEcnModes = {"disabled", "rfc3168", "accecn"};

std::vector<core::Cell> ecn_cells(const core::KernelNames& kernel) {
  std::vector<core::Cell> cells = named_cells(TCPPERF_ORDER_ECN_DISABLED, kEcnModes);
  if (!kernel.has_field("tcp_sock", "received_ce")) {
    cells.pop_back();  // Accurate ECN came with it
  }
  return cells;
}
template <std::uint32_t kIndex>
std::vector<core::Cell> cell(const core::KernelNames& /*kernel*/) {
  return {{kIndex, {}}};
}
std::vector<core::Cell> received_ce_cell(const core::KernelNames& kernel) {
  return kernel.has_field("tcp_sock", "received_ce") ? cell<TCPPERF_ORDER_RECEIVED_CE>(kernel)
                                                     : std::vector<core::Cell>{};
}

core::MetricDef counter(std::string_view name, std::string_view help, core::Unit unit,
                        std::vector<core::Cell> (*cells)(const core::KernelNames& kernel)) {
  return {{.name = name, .help = help, .kind = core::MetricKind::kCounter, .unit = unit, .labels = {}},
          {core::SourceKind::kCounters, "order_counts", cells}};
}

std::vector<core::MetricDef> metrics() {
  using core::Unit;
  return {
      counter("tcpperf_reordering_events_total",
              "Times that connections learned from acknowledgements that segments they sent had overtaken one another "
              "on the way (tcpi_reord_seen). From the sockets' own counters, like all here but the negotiations; "
              "brought up to date at every reading (of very many sockets less often) and when a connection ends. Not "
              "counted: reordering of what is received (see tcpperf_out_of_order_segments_received_total), and what "
              "happened before the daemon first saw a connection.",
              Unit::kNone, cell<TCPPERF_ORDER_REORDERINGS>),
      counter("tcpperf_dsack_duplicate_segments_total",
              "Segments that peers reported to have received twice (tcpi_dsack_dups: DSACK, RFC 2883): most were "
              "sent again though they had arrived, so these are spurious retransmissions. Segments that the network "
              "duplicated are among them. Not counted: duplicates that a peer without SACK received, and reports "
              "that were lost.",
              Unit::kSegments, cell<TCPPERF_ORDER_DSACK_DUPLICATES>),
      counter("tcpperf_out_of_order_segments_received_total",
              "Segments received behind a gap, which wait until the missing ones arrive (tcpi_rcv_ooopack). It does "
              "not say whether these were lost or overtaken. Not counted: those that were dropped.",
              Unit::kSegments, cell<TCPPERF_ORDER_OUT_OF_ORDER>),
      counter("tcpperf_received_segments_total",
              "Segments with data received (tcpi_data_segs_in), duplicates included. Segments, not packets: what the "
              "host merged (GRO) counts each. Not counted: SYN, FIN and ACK without data.",
              Unit::kSegments, cell<TCPPERF_ORDER_RECEIVED>),
      counter("tcpperf_delivered_ce_packets_total",
              "Segments sent and delivered while the peer reported marks of congestion (tcpi_delivered_ce). With "
              "Accurate ECN those that were marked CE on the way; with RFC 3168, where a peer repeats its report until "
              "the window is reduced, all that were acknowledged meanwhile, so more than were marked.",
              Unit::kSegments, cell<TCPPERF_ORDER_DELIVERED_CE>),
      counter("tcpperf_received_ce_packets_total",
              "Segments received that were marked CE on the way, ACKs without data included. Missing on kernels that "
              "do not count them (before 6.18).",
              Unit::kSegments, received_ce_cell),
      {{.name = "tcpperf_ecn_connections_total",
        .help = "Connections established, by what was negotiated with the peer: disabled (no ECN), rfc3168 (classic "
                "ECN), accecn (Accurate ECN; since Linux 6.18). Not counted: connections established before the daemon "
                "started.",
        .kind = core::MetricKind::kCounter,
        .unit = Unit::kConnections,
        .labels = {"mode"}},
       {core::SourceKind::kCounters, "order_counts", ecn_cells}},
  };
}

}  // namespace

const core::ProbeDescriptor& order_probe() {
  using core::Unit;
  static const core::ProbeDescriptor kProbe{
      .name = "order",
      .summary = "Are segments reordered, duplicated or marked on their way?",
      .enable_symbol = "cfg_order",
      .hooks = {{.program = "on_state"},
                {.program = "on_sample", .required = false, .provides = "the counts of a connection before its end"},
                {.program = "on_destroy", .required = false, .provides = "the last counts, where the end was missed"}},
      .metrics = metrics(),
      .signals =
          {
              rate_signal("reordering_rate", "times per second that reordering of what was sent was seen",
                          {"tcpperf_reordering_events_total", {}}, Unit::kNone),
              rate_signal("spurious_retransmit_rate", "segments per second that peers reported as duplicates",
                          {"tcpperf_dsack_duplicate_segments_total", {}}, Unit::kSegments),
              ratio_signal("spurious_retransmit_ratio",
                           "segments that peers reported as duplicates per segment retransmitted (needs the probe "
                           "retransmit)",
                           {"tcpperf_dsack_duplicate_segments_total", {}},
                           {"tcpperf_retransmitted_segments_total", {}}),
              rate_signal("out_of_order_rate", "segments received out of order per second",
                          {"tcpperf_out_of_order_segments_received_total", {}}, Unit::kSegments),
              ratio_signal("out_of_order_ratio", "segments received out of order per data segment received",
                           {"tcpperf_out_of_order_segments_received_total", {}},
                           {"tcpperf_received_segments_total", {}}),
              rate_signal("delivered_ce_rate", "segments per second delivered while congestion was reported",
                          {"tcpperf_delivered_ce_packets_total", {}}, Unit::kSegments),
              rate_signal("received_ce_rate", "segments received per second that were marked CE",
                          {"tcpperf_received_ce_packets_total", {}}, Unit::kSegments),
              share_signal("ecn_ratio", "connections with ECN among those established",
                           {"tcpperf_ecn_connections_total", {{"mode", "disabled", true}}},
                           {"tcpperf_ecn_connections_total", {{"mode", "disabled"}}}),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

constexpr std::array<std::string_view, TCPPERF_RETRANSMIT_KINDS> kKinds = {"rto",    "fast",          "tlp",  "syn",
                                                                           "synack", "loss_recovery", "other"};

std::vector<core::Cell> segment_cells(const core::KernelNames& /*kernel*/) {
  return named_cells(0, kKinds);
}
std::vector<core::Cell> byte_cells(const core::KernelNames& /*kernel*/) {
  return named_cells(TCPPERF_RETRANSMIT_BYTES, kKinds);
}
std::vector<core::Cell> failed_cell(const core::KernelNames& /*kernel*/) {
  return {{TCPPERF_RETRANSMIT_FAILED, {}}};
}
std::vector<core::Cell> sent_cell(const core::KernelNames& /*kernel*/) {
  return {{TCPPERF_RETRANSMIT_SENT, {}}};
}

// Retransmissions of data, which data_segs_out counts too; and of a FIN alone, which it does not.
core::SeriesSelector data_retransmits() {
  return {"tcpperf_retransmitted_segments_total", {{"kind", "syn", true}, {"kind", "synack", true}}};
}

}  // namespace

const core::ProbeDescriptor& retransmit_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "retransmit",
      .summary = "How much is sent again, and what made the kernel do it?",
      .enable_symbol = "cfg_retransmit",
      .hooks = {{.program = "on_retransmit"},
                {.program = "on_synack", .required = false, .provides = "retransmitted SYN-ACKs"},
                {.program = "on_sample", .required = false, .provides = "segments sent, before a connection ends"},
                {.program = "on_state", .required = false, .provides = "segments sent last"},
                {.program = "on_destroy", .required = false, .provides = "segments sent last"}},
      .metrics =
          {
              {{.name = "tcpperf_retransmitted_segments_total",
                .help = "Segments sent again, by cause: rto (retransmission timeout), fast (fast retransmit and "
                        "recovery), tlp (tail loss probe), syn, synack, loss_recovery (more of them after an RTO), "
                        "other (no rule matches). Segments, not packets: a packet of many segments (GSO) counts each. "
                        "A tail loss probe that carries new data is not a retransmission.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kSegments,
                .labels = {"kind"}},
               {core::SourceKind::kCounters, "retrans_count", segment_cells}},
              {{.name = "tcpperf_retransmitted_bytes_total",
                .help = "Payload bytes sent again, by cause. SYN and SYN-ACK count without their data.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kBytes,
                .labels = {"kind"}},
               {core::SourceKind::kCounters, "retrans_count", byte_cells}},
              {{.name = "tcpperf_retransmit_failures_total",
                .help = "Attempts to retransmit that the host itself could not carry out (device or queue busy, no "
                        "memory). Always 0 before Linux 6.17, which does not report them.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kNone,
                .labels = {}},
               {core::SourceKind::kCounters, "retrans_count", failed_cell}},
              {{.name = "tcpperf_sent_segments_total",
                .help = "Segments with data sent, retransmissions included (tcpi_data_segs_out), brought up to date "
                        "at every reading (of very many sockets less often) and when the connection ends. Not counted: "
                        "SYN, FIN and ACK without data, "
                        "and what a connection sent before the daemon started.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kSegments,
                .labels = {}},
               {core::SourceKind::kCounters, "retrans_count", sent_cell}},
          },
      .signals =
          {
              ratio_signal("retransmit_ratio", "segments retransmitted, SYN and SYN-ACK apart, per data segment sent",
                           data_retransmits(), {"tcpperf_sent_segments_total", {}}),
              rate_signal("retransmit_rate", "segments retransmitted per second, all kinds",
                          {"tcpperf_retransmitted_segments_total", {}}, core::Unit::kSegments),
              ratio_signal("tlp_ratio", "tail loss probes among retransmitted segments, SYN and SYN-ACK apart",
                           {"tcpperf_retransmitted_segments_total", {{"kind", "tlp"}}}, data_retransmits()),
              rate_signal("rto_rate", "segments retransmitted on timeout per second",
                          {"tcpperf_retransmitted_segments_total", {{"kind", "rto"}}}, core::Unit::kSegments),
              rate_signal("syn_retransmit_rate", "SYNs retransmitted per second",
                          {"tcpperf_retransmitted_segments_total", {{"kind", "syn"}}}, core::Unit::kSegments),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

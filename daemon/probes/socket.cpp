#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

// 64 bytes to 1 GiB.
constexpr core::BorderRange kByteBorders{6, 30};
constexpr core::BorderRange kRatioBorders{-10, 1};

template <std::uint32_t kIndex>
core::MetricDef histogram(std::string_view name, std::string_view help, core::Unit unit) {
  return {{.name = name,
           .help = help,
           .kind = core::MetricKind::kHistogram,
           .unit = unit,
           .labels = {},
           .borders = unit == core::Unit::kRatio ? kRatioBorders : kByteBorders},
          {core::SourceKind::kHistograms, "socket_hist", [](const core::KernelNames& /*kernel*/) {
             return std::vector<core::Cell>{{kIndex, {}}};
           }}};
}

std::vector<core::MetricDef> metrics() {
  using core::Unit;
  return {
      histogram<TCPPERF_SOCKET_RECEIVE_QUEUE>(
          "tcpperf_socket_receive_queue_bytes",
          "Bytes received in order that the process has not read yet (SIOCINQ), urgent data included. Of every open "
          "connection one observation at every reading (of very many sockets less often), like everything here but "
          "the drops: so it tells what share of the connections is in what state, and how often one reads is how "
          "often it is observed. Not counted: bytes that wait for a missing segment.",
          Unit::kBytes),
      histogram<TCPPERF_SOCKET_SEND_QUEUE>(
          "tcpperf_socket_send_queue_bytes",
          "Bytes that the process has written and the peer has not acknowledged yet (SIOCOUTQ, without the FIN), "
          "one observation for each open connection and reading.",
          Unit::kBytes),
      histogram<TCPPERF_SOCKET_UNSENT>(
          "tcpperf_socket_unsent_bytes",
          "Of the bytes in the send queue those that were never sent (tcpi_notsent_bytes, without the FIN), one "
          "observation for each open connection and reading.",
          Unit::kBytes),
      histogram<TCPPERF_SOCKET_RECEIVE_USED>(
          "tcpperf_socket_receive_buffer_used_ratio",
          "Memory that received segments take, out of order ones and overhead included, per receive buffer "
          "(sk_rmem_alloc / sk_rcvbuf), one observation for each open connection and reading. It can be above 1. A "
          "receiver that keeps up is near 0.",
          Unit::kRatio),
      histogram<TCPPERF_SOCKET_SEND_USED>(
          "tcpperf_socket_send_buffer_used_ratio",
          "Memory that written and unacknowledged segments take, overhead included, per send buffer (sk_wmem_queued / "
          "sk_sndbuf), one observation for each open connection and reading. It can be above 1. Near 1 the process "
          "has to wait.",
          Unit::kRatio),
      {{.name = "tcpperf_socket_drops_total",
        .help = "Packets that arrived for a connection and were dropped at its socket (sk_drops), whatever the reason: "
                "no room, no memory, not acceptable. Brought up to date at every reading and when a connection ends. "
                "tcpperf_drops_total tells the reasons of the same drops, and counts many others. Not counted: what "
                "listening sockets drop.",
        .kind = core::MetricKind::kCounter,
        .unit = Unit::kPackets,
        .labels = {}},
       {core::SourceKind::kCounters, "socket_drops", single_cell}},
  };
}

}  // namespace

const core::ProbeDescriptor& socket_probe() {
  using core::Unit;
  static const core::ProbeDescriptor kProbe{
      .name = "socket",
      .summary = "How much waits in the sockets, and how full are their buffers?",
      .enable_symbol = "cfg_socket",
      .hooks = {{.program = "on_sample"},
                {.program = "on_state", .required = false, .provides = "the drops last counted of a connection"},
                {.program = "on_destroy", .required = false, .provides = "the last drops, where the end was missed"}},
      .metrics = metrics(),
      .signals =
          {
              quantile_signal("receive_queue_p90", "90th percentile of the bytes that wait to be read", 0.9,
                              {"tcpperf_socket_receive_queue_bytes", {}}, Unit::kBytes),
              quantile_signal("receive_queue_p99", "99th percentile of the bytes that wait to be read", 0.99,
                              {"tcpperf_socket_receive_queue_bytes", {}}, Unit::kBytes),
              quantile_signal("send_queue_p90", "90th percentile of the bytes that wait for acknowledgement", 0.9,
                              {"tcpperf_socket_send_queue_bytes", {}}, Unit::kBytes),
              quantile_signal("unsent_p90", "90th percentile of the bytes that wait to be sent", 0.9,
                              {"tcpperf_socket_unsent_bytes", {}}, Unit::kBytes),
              quantile_signal("receive_buffer_used_p90", "90th percentile of the use of receive buffers", 0.9,
                              {"tcpperf_socket_receive_buffer_used_ratio", {}}, Unit::kRatio),
              quantile_signal("send_buffer_used_p90", "90th percentile of the use of send buffers", 0.9,
                              {"tcpperf_socket_send_buffer_used_ratio", {}}, Unit::kRatio),
              rate_signal("socket_drop_rate", "packets dropped at sockets of connections per second",
                          {"tcpperf_socket_drops_total", {}}, Unit::kPackets),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

// The kernel's own names, without their common prefix. Purged queues and "not specified" are no drop reasons.
std::vector<core::Cell> reason_cells(const core::KernelNames& kernel) {
  std::vector<core::Cell> cells = enumerator_cells(kernel, "skb_drop_reason", "SKB_DROP_REASON_", TCPPERF_DROP_REASONS);
  std::erase_if(cells, [](const core::Cell& cell) {
    return cell.labels[0] == "NOT_SPECIFIED" || cell.labels[0] == "QUEUE_PURGE" || cell.labels[0] == "SUBSYS_MASK";
  });
  cells.push_back({TCPPERF_DROP_SUBSYSTEM, {"SUBSYSTEM"}});
  return cells;
}

std::vector<core::Cell> unspecified_cell(const core::KernelNames& /*kernel*/) {
  return {{TCPPERF_DROP_UNSPECIFIED, {}}};
}

core::SignalSpec reason_rate(std::string_view name, std::string_view help, std::string_view reason) {
  return rate_signal(name, help, {"tcpperf_drops_total", {{"reason", reason}}}, core::Unit::kPackets);
}

}  // namespace

const core::ProbeDescriptor& drop_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "drop",
      .summary = "Which TCP packets did this host throw away, and why?",
      .enable_symbol = "cfg_drop",
      .hooks = {{.program = "on_drop"}},
      .constants = {{"kernel_drop_not_specified", "skb_drop_reason", "SKB_DROP_REASON_NOT_SPECIFIED", 0},
                    {"kernel_drop_queue_purge", "skb_drop_reason", "SKB_DROP_REASON_QUEUE_PURGE", ~0U}},
      .metrics =
          {
              {{.name = "tcpperf_drops_total",
                .help =
                    "TCP packets that this host dropped, on the send and the receive path, by the running kernel's "
                    "own reason (enum skb_drop_reason); SUBSYSTEM stands for reasons of modules. A packet of many "
                    "segments (GSO, GRO) counts once. Not counted: queues purged at the end of a connection, packets "
                    "freed without a reason (see tcpperf_unspecified_frees_total), and SYNs that a listener with a "
                    "full queue ignores, which the kernel frees as consumed (TcpExt ListenOverflows, ListenDrops); "
                    "also packets dropped before "
                    "their IP header was located (a full CPU backlog), and TCP behind IPv6 extension headers.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kPackets,
                .labels = {"reason"}},
               {core::SourceKind::kCounters, "drop_count", reason_cells}},
              {{.name = "tcpperf_unspecified_frees_total",
                .help = "TCP packets that the kernel freed as not consumed without giving a reason: it does not say "
                        "whether they were drops. On kernels that have no QUEUE_PURGE reason, purged queues are here.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kPackets,
                .labels = {}},
               {core::SourceKind::kCounters, "drop_count", unspecified_cell}},
          },
      .signals =
          {
              rate_signal("drop_rate", "TCP packets dropped by this host per second", {"tcpperf_drops_total", {}},
                          core::Unit::kPackets),
              reason_rate("receive_queue_drop_rate",
                          "packets dropped per second because a socket's or TCP's receive memory was used up, by the "
                          "receive queue or by segments out of order (PROTO_MEM)",
                          "PROTO_MEM"),
              reason_rate("prune_drop_rate",
                          "packets out of order thrown away again per second to make room (TCP_OFO_QUEUE_PRUNE)",
                          "TCP_OFO_QUEUE_PRUNE"),
              reason_rate("backlog_drop_rate",
                          "packets dropped per second because too many waited for a socket that a process had locked "
                          "(SOCKET_BACKLOG)",
                          "SOCKET_BACKLOG"),
              reason_rate("zero_window_drop_rate",
                          "packets dropped per second that arrived while the receive window was closed "
                          "(TCP_ZEROWINDOW)",
                          "TCP_ZEROWINDOW"),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

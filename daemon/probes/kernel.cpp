#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/numbers.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

std::vector<core::Cell> event_cells(const core::KernelNames& /*kernel*/) {
  return named_cells(0, kKernelEventNames);
}
std::vector<core::Cell> limit_cells(const core::KernelNames& /*kernel*/) {
  return named_cells(1, kMemoryLimits);
}

core::SignalSpec event_rate(std::string_view name, std::string_view help, std::string_view counter) {
  return rate_signal(name, help, {"tcpperf_kernel_events_total", {{"counter", counter}}}, core::Unit::kNone);
}
core::SignalSpec limit(std::string_view name, std::string_view help, std::string_view level) {
  return gauge_signal(name, help, {"tcpperf_tcp_memory_limit_bytes", {{"level", level}}}, core::Unit::kBytes);
}

}  // namespace

const core::ProbeDescriptor& kernel_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "kernel",
      .summary = "What does the kernel count that no socket shows?",
      .enable_symbol = "",
      .metrics =
          {
              {{.name = "tcpperf_kernel_events_total",
                .help = "Counters of the kernel's own (named as nstat does) since the network namespace was made, of "
                        "the daemon's own network namespace only; neither filter nor groups apply.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kNone,
                .labels = {"counter"}},
               {core::SourceKind::kNumbers, kKernelEvents, event_cells}},
              {{.name = "tcpperf_tcp_memory_pressure_seconds_total",
                .help = "Time under TCP memory pressure, counted by the kernel when it ends, and for the network "
                        "namespace of the socket that ends it; of the daemon's own one only.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kSeconds,
                .labels = {}},
               {core::SourceKind::kNumbers, kKernelTimes, single_cell}},
              {{.name = "tcpperf_tcp_memory_bytes",
                .help = "Memory charged for the buffers of all TCP sockets of the host, of all network namespaces. The "
                        "kernel charges whole pages, and keeps up to 1 MiB per CPU uncharged.",
                .kind = core::MetricKind::kGauge,
                .unit = core::Unit::kBytes,
                .labels = {}},
               {core::SourceKind::kNumbers, kKernelMemory, single_cell}},
              {{.name = "tcpperf_tcp_memory_limit_bytes",
                .help = "Limits of tcpperf_tcp_memory_bytes (tcp_mem): from pressure on the kernel saves memory, until "
                        "it is below low again; above high it refuses more. Absent when the daemon is not in the "
                        "host's first network namespace, which alone shows them.",
                .kind = core::MetricKind::kGauge,
                .unit = core::Unit::kBytes,
                .labels = {"level"}},
               {core::SourceKind::kNumbers, kKernelMemory, limit_cells}},
          },
      .signals =
          {
              event_rate("listen_overflow_rate", "connections per second refused because an accept queue was full",
                         "TcpExtListenOverflows"),
              event_rate("listen_drop_rate", "connections per second that listeners refused, for whatever reason",
                         "TcpExtListenDrops"),
              event_rate("syncookie_rate", "SYN cookies sent per second", "TcpExtSyncookiesSent"),
              event_rate("syncookie_failure_rate", "ACKs per second with a wrong SYN cookie", "TcpExtSyncookiesFailed"),
              event_rate("request_queue_drop_rate", "SYNs per second dropped because a request queue was full",
                         "TcpExtTCPReqQFullDrop"),
              event_rate("prune_rate", "times per second that a receive queue was too large and was pruned",
                         "TcpExtPruneCalled"),
              event_rate("zero_window_rate", "zero windows announced to peers per second", "TcpExtTCPToZeroWindowAdv"),
              event_rate("window_probe_rate", "probes of a peer's zero window per second", "TcpExtTCPWinProbe"),
              event_rate("out_of_order_queue_rate", "packets per second that arrived out of order",
                         "TcpExtTCPOFOQueue"),
              event_rate("memory_pressure_rate", "times per second that TCP memory pressure began",
                         "TcpExtTCPMemoryPressures"),
              event_rate("memory_abort_rate", "connections per second ended for want of memory",
                         "TcpExtTCPAbortOnMemory"),
              gauge_signal("tcp_memory", "memory of TCP's buffers now", {"tcpperf_tcp_memory_bytes", {}},
                           core::Unit::kBytes),
              limit("tcp_memory_pressure_limit", "from which on TCP saves memory", "pressure"),
              limit("tcp_memory_high_limit", "above which TCP gets no more memory", "high"),
          },
      .grouped = false,
  };
  return kProbe;
}

}  // namespace tcpperf::probes

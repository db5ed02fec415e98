#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

template <std::uint32_t kIndex>
std::vector<core::Cell> cell(const core::KernelNames& /*kernel*/) {
  return {{kIndex, {}}};
}

template <std::uint32_t kIndex>
core::MetricDef byte_counter(std::string_view name, std::string_view help) {
  return {{.name = name, .help = help, .kind = core::MetricKind::kCounter, .unit = core::Unit::kBytes, .labels = {}},
          {core::SourceKind::kCounters, "payload_bytes", cell<kIndex>}};
}

}  // namespace

const core::ProbeDescriptor& throughput_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "throughput",
      .summary = "How much is transferred?",
      .enable_symbol = "cfg_throughput",
      .hooks = {{.program = "on_state"},
                {.program = "on_sample", .required = false, .provides = "the bytes of a connection before its end"},
                {.program = "on_destroy", .required = false, .provides = "the last bytes, where the end was missed"}},
      .metrics =
          {
              byte_counter<TCPPERF_THROUGHPUT_SENT>(
                  "tcpperf_sent_bytes_total",
                  "Payload bytes handed to the network for the first time. From the sockets' own counters, brought up "
                  "to date at every reading (of very many sockets less often) and when a connection ends. Not counted: "
                  "what is sent again (see "
                  "tcpperf_resent_bytes_total), what a process wrote but the kernel has not sent yet, and what a "
                  "connection sent before the daemon first saw it."),
              byte_counter<TCPPERF_THROUGHPUT_ACKED>(
                  "tcpperf_acked_bytes_total",
                  "Payload bytes that the peer acknowledged, brought up to date like tcpperf_sent_bytes_total. One "
                  "byte too many may be counted of a connection whose role (client or server) could not be told "
                  "because it began before the daemon."),
              byte_counter<TCPPERF_THROUGHPUT_RESENT>(
                  "tcpperf_resent_bytes_total",
                  "Payload bytes sent again, from the sockets' own counters, attempts that the host could not carry "
                  "out included. tcpperf_retransmitted_bytes_total counts the same bytes one by one by their cause, "
                  "without failed attempts where the kernel reports those (since Linux 6.17)."),
              byte_counter<TCPPERF_THROUGHPUT_RECEIVED>(
                  "tcpperf_received_bytes_total",
                  "Payload bytes received in order, whether the process has read them or not, brought up to date like "
                  "tcpperf_sent_bytes_total, and of an open connection on which a segment arrived within the last "
                  "millisecond one byte less. Not counted: "
                  "duplicates, what waits for a missing segment, and what a "
                  "connection received before the daemon first saw it."),
          },
      .signals =
          {
              rate_signal("sent_bytes_rate", "payload bytes sent for the first time per second",
                          {"tcpperf_sent_bytes_total", {}}, core::Unit::kBytes),
              rate_signal("acked_bytes_rate", "payload bytes acknowledged by the peers per second",
                          {"tcpperf_acked_bytes_total", {}}, core::Unit::kBytes),
              rate_signal("received_bytes_rate", "payload bytes received in order per second",
                          {"tcpperf_received_bytes_total", {}}, core::Unit::kBytes),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

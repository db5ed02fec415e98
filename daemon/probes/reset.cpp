#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

std::vector<core::Cell> reason_cells(const core::KernelNames& kernel) {
  std::vector<core::Cell> cells = enumerator_cells(kernel, "sk_rst_reason", "SK_RST_REASON_", TCPPERF_RESET_REASONS);
  cells.push_back({TCPPERF_RESET_OTHER, {"UNKNOWN"}});
  return cells;
}

std::vector<core::Cell> received_cell(const core::KernelNames& /*kernel*/) {
  return {{TCPPERF_RESET_RECEIVED, {}}};
}

}  // namespace

const core::ProbeDescriptor& reset_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "reset",
      .summary = "Who breaks off connections, and why?",
      .enable_symbol = "cfg_reset",
      .hooks = {{.program = "on_reset_send", .required = false, .provides = "resets sent"},
                {.program = "on_reset_recv", .required = false, .provides = "resets received"}},
      .metrics =
          {
              {{.name = "tcpperf_resets_sent_total",
                .help =
                    "RST segments sent, by the running kernel's own reason (enum sk_rst_reason, since 6.10; UNKNOWN "
                    "before). Those answering a packet for which there is no socket are included, since Linux 6.10: "
                    "before, the kernel does not show them.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kSegments,
                .labels = {"reason"}},
               {core::SourceKind::kCounters, "reset_count", reason_cells}},
              {{.name = "tcpperf_resets_received_total",
                .help = "RST segments that ended a connection or a connect. Not counted: those without a matching "
                        "socket, and for half-open or TIME_WAIT connections.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kSegments,
                .labels = {}},
               {core::SourceKind::kCounters, "reset_count", received_cell}},
          },
      .signals =
          {
              rate_signal("reset_sent_rate", "RST segments sent per second", {"tcpperf_resets_sent_total", {}},
                          core::Unit::kSegments),
              rate_signal("reset_received_rate", "RST segments received per second",
                          {"tcpperf_resets_received_total", {}}, core::Unit::kSegments),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

#include "core/probe/descriptor.h"
#include "probes/numbers.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

constexpr std::string_view kOurs = "tcpperf";
constexpr std::string_view kTheirs = "kernel";

std::vector<core::Cell> event_cells(const core::KernelNames& /*kernel*/) {
  std::vector<core::Cell> cells;
  for (std::uint32_t i = 0; i < kComparedCounters.size(); ++i) {
    const std::string name(kComparedCounters[i].name);
    cells.push_back({2 * i, {name, std::string(kOurs)}});
    cells.push_back({2 * i + 1, {name, std::string(kTheirs)}});
  }
  return cells;
}

std::vector<core::Cell> ratio_cells(const core::KernelNames& /*kernel*/) {
  std::vector<core::Cell> cells;
  for (std::uint32_t i = 0; i < kComparedCounters.size(); ++i) {
    cells.push_back({i, {std::string(kComparedCounters[i].name)}});
  }
  return cells;
}

core::SeriesSelector events_of(std::string_view source) {
  return {"tcpperf_reconciliation_events_total", {{"source", source}}};
}

}  // namespace

const core::ProbeDescriptor& reconciliation_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "reconciliation",
      .summary = "Do our events agree with the kernel's own counters?",
      .enable_symbol = "cfg_reconciliation",
      .hooks = {{.program = "on_state", .required = false, .provides = "opens and ends of connections"},
                {.program = "on_retransmit", .required = false, .provides = "retransmissions"},
                {.program = "on_synack", .required = false, .provides = "retransmissions"},
                {.program = "on_reset_send", .required = false, .provides = "resets"}},
      .metrics =
          {
              {{.name = "tcpperf_reconciliation_events_total",
                .help =
                    "What tcpperf's events and the kernel's own counters (named as nstat does) have counted while the "
                    "events were attached, in the daemon's own network namespace only; the filter does not apply. "
                    "TcpRetransSegs without the segments that the host could not send (TcpExtTCPRetransFail); "
                    "TcpExtTCPSynRetrans and TcpOutRsts of the kernel also count what it could not send for want of "
                    "memory or by an error of its own. A socket that connects with its first data (fast open) is "
                    "counted by tcpperf before that. The two are read some microseconds apart. Absent: a counter whose "
                    "events cannot all be seen; before Linux 6.10 TcpOutRsts.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kNone,
                .labels = {"counter", "source"}},
               {core::SourceKind::kNumbers, kComparedEvents, event_cells}},
              {{.name = "tcpperf_reconciliation_ratio",
                .help = "tcpperf's count over the kernel's, of what tcpperf_reconciliation_events_total shows: 1 when "
                        "both agree. Absent while the kernel has counted nothing.",
                .kind = core::MetricKind::kGauge,
                .unit = core::Unit::kRatio,
                .labels = {"counter"}},
               {core::SourceKind::kNumbers, kComparedRatios, ratio_cells}},
          },
      .signals = {ratio_signal("reconciliation_ratio",
                               "events counted by tcpperf per event counted by the kernel, all compared counters",
                               events_of(kOurs), events_of(kTheirs))},
      .grouped = false,
  };
  return kProbe;
}

}  // namespace tcpperf::probes

#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

constexpr std::uint32_t kTimeWait = 6;
constexpr std::uint32_t kClose = 7;
constexpr std::uint32_t kNewSynRecv = 12;

bool seen_by_state_hook(std::uint32_t state) {
  return state != 0 && state != kTimeWait && state != kNewSynRecv;
}

// Every pair of states that the hook can name: a change nobody expected must not be counted out of sight.
std::vector<core::Cell> transition_cells(const core::KernelNames& /*kernel*/) {
  std::vector<core::Cell> cells;
  for (std::uint32_t from = 1; from < TCPPERF_STATES; ++from) {
    for (std::uint32_t to = 1; to < TCPPERF_STATES; ++to) {
      if (from != to && seen_by_state_hook(from) && seen_by_state_hook(to)) {
        cells.push_back({from * TCPPERF_STATES + to, {std::string(kTcpStates[from]), std::string(kTcpStates[to])}});
      }
    }
  }
  return cells;
}

std::vector<core::Cell> dwell_cells(const core::KernelNames& /*kernel*/) {
  std::vector<core::Cell> cells;
  for (std::uint32_t state = 1; state < TCPPERF_STATES; ++state) {
    if (seen_by_state_hook(state) && state != kClose) {
      cells.push_back({state, {std::string(kTcpStates[state])}});
    }
  }
  return cells;
}

std::vector<core::Cell> socket_cells(const core::KernelNames& /*kernel*/) {
  std::vector<core::Cell> cells;
  for (std::uint32_t state = 1; state < kNewSynRecv; ++state) {
    if (state == kClose) {
      continue;  // such a socket is in no table of the kernel
    }
    cells.push_back({state, {std::string(kTcpStates[state])}});
  }
  return cells;
}

}  // namespace

const core::ProbeDescriptor& state_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "state",
      .summary = "In which states are connections, and how long do they stay there?",
      .enable_symbol = "cfg_state",
      .hooks = {{.program = "on_state"}},
      .metrics =
          {
              {{.name = "tcpperf_connections",
                .help =
                    "TCP sockets by state now, from sock_diag; time_wait included, syn_recv are half-open requests. "
                    "In all network namespaces where the daemon may enter them (CAP_SYS_ADMIN), else in its own "
                    "(see tcpperf_connections_namespaces). Read at most as often as costs 1 % of a CPU, so on a host "
                    "with "
                    "many sockets the value can be some seconds old. The filter does not apply.",
                .kind = core::MetricKind::kGauge,
                .unit = core::Unit::kConnections,
                .labels = {"state"}},
               {core::SourceKind::kTcpStates, "", socket_cells}},
              {{.name = "tcpperf_state_transitions_total",
                .help = "Changes of state of TCP sockets. The kernel shows a connection that goes to time_wait going "
                        "to close, and a passive one beginning as listen to syn_recv when its handshake completes.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kNone,
                .labels = {"from", "to"}},
               {core::SourceKind::kCounters, "state_count", transition_cells}},
              {{.name = "tcpperf_state_seconds",
                .help = "Time spent in a state, observed on leaving it. Not counted: states entered before the daemon "
                        "started, and the waiting for the handshake's ACK on the passive side (see "
                        "tcpperf_handshake_seconds).",
                .kind = core::MetricKind::kHistogram,
                .unit = core::Unit::kSeconds,
                .labels = {"state"},
                .borders = {-14, 20}},
               {core::SourceKind::kHistograms, "state_hist", dwell_cells}},
          },
      .signals =
          {
              rate_signal("state_transition_rate", "changes of state per second",
                          {"tcpperf_state_transitions_total", {}}, core::Unit::kNone),
              gauge_signal("connections_established", "established connections now",
                           {"tcpperf_connections", {{"state", "established"}}}, core::Unit::kConnections),
              gauge_signal("connections_time_wait", "connections in TIME_WAIT now",
                           {"tcpperf_connections", {{"state", "time_wait"}}}, core::Unit::kConnections),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

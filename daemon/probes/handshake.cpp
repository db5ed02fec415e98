#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

constexpr std::array<std::string_view, TCPPERF_ROLES> kRoles = {"client", "server"};
constexpr std::array<std::string_view, TCPPERF_CONNECT_FAILURES> kReasons = {"refused", "timeout", "unreachable",
                                                                             "reset", "other"};

std::vector<core::Cell> role_cells(const core::KernelNames& /*kernel*/) {
  return named_cells(0, kRoles);
}
std::vector<core::Cell> reason_cells(const core::KernelNames& /*kernel*/) {
  return named_cells(TCPPERF_HANDSHAKE_FAILURE, kReasons);
}

}  // namespace

const core::ProbeDescriptor& handshake_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "handshake",
      .summary = "How long does it take to connect, and which connects fail?",
      .enable_symbol = "cfg_handshake",
      .hooks = {{.program = "on_state"},
                {.program = "on_synack",
                 .required = false,
                 .provides = "the latency of passive handshakes whose SYN-ACK was lost"}},
      .metrics =
          {
              {{.name = "tcpperf_handshake_seconds",
                .help = "Duration of completed handshakes. Client: from the connect call to ESTABLISHED, so a lost SYN "
                        "shows as more than one second. Server: from the first SYN-ACK sent to the ACK that completes "
                        "it. Not counted: failed connects, connects begun before the daemon started, and passive "
                        "handshakes by SYN cookie, for which the kernel keeps no time, and with them any other passive "
                        "one of a whole number of milliseconds.",
                .kind = core::MetricKind::kHistogram,
                .unit = core::Unit::kSeconds,
                .labels = {"role"},
                .borders = {-16, 7}},
               {core::SourceKind::kHistograms, "handshake_hist", role_cells}},
              {{.name = "tcpperf_connects_total",
                .help = "Connections established, by the role of this host.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kConnections,
                .labels = {"role"}},
               {core::SourceKind::kCounters, "handshake_count", role_cells}},
              {{.name = "tcpperf_connect_failures_total",
                .help = "Active connects that failed after the first SYN, by the error the kernel gave: refused (RST), "
                        "timeout (no answer), unreachable (ICMP), reset, other (mostly: the application closed the "
                        "socket before the kernel gave up). Not counted: connects refused before a SYN was sent (no "
                        "route).",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kConnections,
                .labels = {"reason"}},
               {core::SourceKind::kCounters, "handshake_count", reason_cells}},
          },
      .signals =
          {
              quantile_signal("handshake_p50", "median handshake duration, both roles", 0.5,
                              {"tcpperf_handshake_seconds", {}}),
              quantile_signal("handshake_p99", "99th percentile of the handshake duration, both roles", 0.99,
                              {"tcpperf_handshake_seconds", {}}),
              quantile_signal("handshake_client_p99", "99th percentile of the duration of active handshakes", 0.99,
                              {"tcpperf_handshake_seconds", {{"role", "client"}}}),
              quantile_signal("handshake_server_p99", "99th percentile of the duration of passive handshakes", 0.99,
                              {"tcpperf_handshake_seconds", {{"role", "server"}}}),
              rate_signal("connect_rate", "connections established per second, both roles",
                          {"tcpperf_connects_total", {}}, core::Unit::kConnections),
              rate_signal("connect_failure_rate", "active connects failed per second",
                          {"tcpperf_connect_failures_total", {}}, core::Unit::kConnections),
              share_signal("connect_failure_ratio", "failed active connects among all that ended",
                           {"tcpperf_connect_failures_total", {}}, {"tcpperf_connects_total", {{"role", "client"}}}),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

constexpr std::array<std::string_view, TCPPERF_BEGAN_KINDS> kBegan = {"seen", "before"};
// 64 bytes to 1 TiB.
constexpr core::BorderRange kByteBorders{6, 40};

std::vector<core::Cell> began_cells(const core::KernelNames& /*kernel*/) {
  return named_cells(0, kBegan);
}

}  // namespace

const core::ProbeDescriptor& life_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "life",
      .summary = "How long do connections last, and how much do they carry?",
      .enable_symbol = "cfg_life",
      .hooks = {{.program = "on_state"},
                {.program = "on_sample", .required = false, .provides = "the number of open connections"},
                {.program = "on_destroy", .required = false, .provides = "connections whose end was missed"}},
      .metrics =
          {
              {{.name = "tcpperf_connection_duration_seconds",
                .help =
                    "How long connections lasted, observed when their socket closes (TIME_WAIT is not included). seen: "
                    "from the connect call, or from the handshake's completion on the passive side. before: their "
                    "beginning was not seen, because it was before the daemon's start, or before a reload that changed "
                    "filter, "
                    "probes or groups; they lasted at least "
                    "this long, counted from the first sight of them. Not counted: attempts that never became "
                    "ESTABLISHED (see tcpperf_connect_failures_total).",
                .kind = core::MetricKind::kHistogram,
                .unit = core::Unit::kSeconds,
                .labels = {"began"},
                .borders = {-14, 20}},
               {core::SourceKind::kHistograms, "life_duration", began_cells}},
              {{.name = "tcpperf_connection_sent_bytes",
                .help =
                    "Payload bytes a connection sent in its whole life, each byte once, observed with its duration; "
                    "what it sent before the daemon's start included.",
                .kind = core::MetricKind::kHistogram,
                .unit = core::Unit::kBytes,
                .labels = {},
                .borders = kByteBorders},
               {core::SourceKind::kHistograms, "life_sent", single_cell}},
              {{.name = "tcpperf_connection_received_bytes",
                .help = "Payload bytes a connection received in order in its whole life, observed with its duration; "
                        "what it received before the daemon's start included.",
                .kind = core::MetricKind::kHistogram,
                .unit = core::Unit::kBytes,
                .labels = {},
                .borders = kByteBorders},
               {core::SourceKind::kHistograms, "life_received", single_cell}},
              {{.name = "tcpperf_open_connections",
                .help =
                    "Connections that are open now: established and not yet closed, so in the states established, "
                    "fin_wait1, fin_wait2, close_wait, last_ack and closing. Counted over the sockets the daemon "
                    "knows, with the filter applied; not among them are those without an event since its start that "
                    "no process had open then. See tcpperf_connections for all sockets by state.",
                .kind = core::MetricKind::kGauge,
                .unit = core::Unit::kConnections,
                .labels = {}},
               {core::SourceKind::kSampled, "life_open", single_cell}},
          },
      .signals =
          {
              quantile_signal("connection_duration_p50", "median duration of the connections that closed", 0.5,
                              {"tcpperf_connection_duration_seconds", {}}),
              quantile_signal("connection_duration_p99", "99th percentile of the duration of closed connections", 0.99,
                              {"tcpperf_connection_duration_seconds", {}}),
              gauge_signal("open_connections", "open connections now", {"tcpperf_open_connections", {}},
                           core::Unit::kConnections),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

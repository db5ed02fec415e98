#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

// The kernel's names of enum tcp_ca_state, by number.
constexpr std::array<std::string_view, TCPPERF_CONGESTION_STATES> kStates = {"open", "disorder", "cwr", "recovery",
                                                                             "loss"};

std::vector<core::Cell> state_cells(const core::KernelNames& /*kernel*/) {
  return named_cells(0, kStates);
}

std::vector<core::Cell> change_cells(const core::KernelNames& /*kernel*/) {
  std::vector<core::Cell> cells;
  for (std::uint32_t from = 0; from < kStates.size(); ++from) {
    for (std::uint32_t to = 0; to < kStates.size(); ++to) {
      if (from != to) {
        cells.push_back({TCPPERF_CONGESTION_CHANGE + from * TCPPERF_CONGESTION_STATES + to,
                         {std::string(kStates[from]), std::string(kStates[to])}});
      }
    }
  }
  return cells;
}

core::SignalSpec share_of_time(std::string_view name, std::string_view help, std::string_view state) {
  return ratio_signal(name, help, {"tcpperf_congestion_state_seconds_total", {{"state", state}}},
                      {"tcpperf_congestion_state_seconds_total", {}});
}

std::vector<core::MetricDef> metrics() {
  return {
      {{.name = "tcpperf_congestion_state_seconds_total",
        .help =
            "Time that connections spent in each state of the kernel's congestion control, added up over all "
            "connections: open (nothing suspicious), disorder (duplicate or selective acknowledgements), cwr (the "
            "window is being reduced without a loss: ECN, a full local queue), recovery (fast retransmit), loss "
            "(after a retransmission timeout). From ESTABLISHED to CLOSE, so that the sum over the states is the "
            "connections' time; brought up to date at every reading (of very many sockets less often), at each "
            "change and when a connection ends. Not counted: handshakes, TIME_WAIT, and the time of a connection "
            "before the daemon first saw it. Before Linux 5.19, while tcpperf_sampling_ratio is below 1, the states of "
            "connections that are left out are those that readings find.",
        .kind = core::MetricKind::kCounter,
        .unit = core::Unit::kSeconds,
        .labels = {"state"}},
       {core::SourceKind::kCounters, "cong_count", state_cells}},
      {{.name = "tcpperf_congestion_dwell_seconds",
        .help = "How long connections stayed in a congestion state, observed when they leave it or end. Not counted: "
                "states that were entered before the daemon first saw the connection; and, before Linux 5.19 and while "
                "tcpperf_sampling_ratio is below 1, most short ones.",
        .kind = core::MetricKind::kHistogram,
        .unit = core::Unit::kSeconds,
        .labels = {"state"},
        .borders = {-14, 12}},
       {core::SourceKind::kHistograms, "cong_dwell", state_cells}},
      {{.name = "tcpperf_congestion_transitions_total",
        .help = "Changes of the congestion state of established connections. Not counted: changes during the "
                "handshake (a lost SYN), and a state entered again from itself, such as a second timeout in loss; and, "
                "before Linux 5.19 and while tcpperf_sampling_ratio is below 1, most changes of connections that are "
                "left out.",
        .kind = core::MetricKind::kCounter,
        .unit = core::Unit::kNone,
        .labels = {"from", "to"}},
       {core::SourceKind::kCounters, "cong_count", change_cells}},
  };
}

}  // namespace

const core::ProbeDescriptor& congestion_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "congestion",
      .summary = "In which states is congestion control, and for how long?",
      .enable_symbol = "cfg_congestion",
      .hooks = {{.program = "on_state"},
                {.program = "on_congestion",
                 .required = false,
                 .provides = "the moment of each change (changes are found when segments arrive and at readings, and "
                             "those that are over by then are missed)"},
                {.program = "on_ack",
                 .required = false,
                 .provides = "changes whose event was missed, before the next reading"},
                {.program = "on_sample", .required = false, .provides = "the time of a connection before its end"},
                {.program = "on_destroy", .required = false, .provides = "connections whose end was missed"}},
      .metrics = metrics(),
      .signals =
          {
              share_of_time("congestion_share_open", "share of the connections' time in congestion state open", "open"),
              share_of_time("congestion_share_disorder", "share of the connections' time in disorder", "disorder"),
              share_of_time("congestion_share_cwr",
                            "share of the connections' time in cwr (window reduction without a loss)", "cwr"),
              share_of_time("congestion_share_recovery", "share of the connections' time in recovery (fast retransmit)",
                            "recovery"),
              share_of_time("congestion_share_loss",
                            "share of the connections' time in loss (after a retransmission timeout)", "loss"),
              rate_signal("congestion_recovery_rate", "entries into recovery per second",
                          {"tcpperf_congestion_transitions_total", {{"to", "recovery"}}}, core::Unit::kNone),
              rate_signal("congestion_loss_rate", "entries into loss per second, second timeouts apart",
                          {"tcpperf_congestion_transitions_total", {{"to", "loss"}}}, core::Unit::kNone),
              quantile_signal("congestion_recovery_p90", "90th percentile of the time that a recovery takes", 0.9,
                              {"tcpperf_congestion_dwell_seconds", {{"state", "recovery"}}}),
              quantile_signal("congestion_loss_p90", "90th percentile of the time that loss lasts", 0.9,
                              {"tcpperf_congestion_dwell_seconds", {{"state", "loss"}}}),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

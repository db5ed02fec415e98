#include <array>

#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

using core::SourceKind;
using core::Unit;

constexpr std::string_view kReads = "cfg_stall_reads";
constexpr std::string_view kSeconds = "tcpperf_stall_seconds";
// 7.6 us, for connect and accept; to 1,024 s.
constexpr core::BorderRange kBorders{-17, 10};

struct Cause {
  std::string_view name;
  std::string_view median;  // signals
  std::string_view slowest;
  std::string_view rate;
  std::string_view median_help;
  std::string_view slowest_help;
  std::string_view rate_help;
};

#define CAUSE(name, what)                                                                                         \
  Cause {                                                                                                         \
#name, "stall_" #name "_p50", "stall_" #name "_p99", "stall_seconds_rate_" #name, "median of how long " what, \
        "99th percentile of how long " what, "seconds per second, all connections together, that " what           \
  }
// By enum tcpperf_stall.
constexpr std::array<Cause, TCPPERF_STALL_CAUSES> kCauses = {
    CAUSE(rto, "a retransmission timeout lasted"),     CAUSE(zero_window_peer, "a peer's window was shut"),
    CAUSE(zero_window_own, "our window was shut"),     CAUSE(send_buffer, "a write found no room"),
    CAUSE(unread, "data waited to be read"),           CAUSE(connect, "a connect took"),
    CAUSE(accept, "a connection waited for accept()"),
};
#undef CAUSE
static_assert(kCauses[TCPPERF_STALL_UNREAD].name == "unread" && kCauses[TCPPERF_STALL_ACCEPT].name == "accept" &&
              kCauses[TCPPERF_STALL_RTO].name == "rto");

std::vector<core::Cell> cause_cells(const core::KernelNames& /*kernel*/) {
  std::vector<core::Cell> cells;
  for (std::uint32_t i = 0; i < kCauses.size(); ++i) {
    core::Cell cell{i, {std::string(kCauses[i].name)}};
    if (i == TCPPERF_STALL_UNREAD) {
      cell.only_with = kReads;
      cell.only_with_bits = 1;
    }
    cells.push_back(std::move(cell));
  }
  return cells;
}

std::vector<core::Cell> side_cells(const core::KernelNames& /*kernel*/) {
  return {{TCPPERF_WINDOW_OF_PEER, {"peer"}}, {TCPPERF_WINDOW_OWN, {"own"}}};
}

std::vector<core::MetricDef> metrics() {
  return {
      {{.name = kSeconds,
        .help = "How long nothing moved, observed at the end. rto: from the last sign of life before a retransmission "
                "timeout (the segment that came last or, when nothing was in flight, the sending) until the next "
                "segment comes; several timeouts in a row are one. zero_window_peer: the peer's window is shut while "
                "there is something to send. zero_window_own: our window is shut because the process does not read, "
                "from the last data until the last that the socket did before data comes again; short ones only with "
                "reads, see tcpperf_zero_window_events_total. send_buffer: a "
                "process waits for room to write, and nothing is written; it is looked at when a segment arrives and "
                "at samplings, so it is too short by the time until the first look. unread: from the arrival of a byte "
                "until the process has read it, of one byte of a connection at a time; only with reads. connect: from "
                "connect() to its success or failure. accept: see tcpperf_listener_accept_wait_seconds. All but "
                "connect and accept are in ticks of the kernel (1/CONFIG_HZ): they can be a tick too long or too "
                "short, and what lasts less than one is not counted. Windows are seen while a connection is "
                "ESTABLISHED. A connection can stall for more than one cause at a time." SCALED_UP
                " That is so for all causes but connect, and accept where the kernel lets functions be traced; what "
                "goes on while that ratio grows is not counted.",
        .kind = core::MetricKind::kHistogram,
        .unit = Unit::kSeconds,
        .labels = {"cause"},
        .borders = kBorders},
       {SourceKind::kHistograms, "stall_hist", cause_cells}},
      {{.name = "tcpperf_zero_window_events_total",
        .help = "How often a window shut: the peer's, however short and whether there was something to send or not, or "
                "our own as it was advertised. Our own is seen when a segment comes while it is shut (the peer's probe "
                "comes after a retransmission timeout, so not before some 200 ms), and, only with reads, when the "
                "process opens it again: without reads most of the short ones are not counted. Not counted: one that "
                "the last segment of a connection shut or that was shut before the daemon started, and connections "
                "that are not ESTABLISHED." SCALED_UP,
        .kind = core::MetricKind::kCounter,
        .unit = Unit::kNone,
        .labels = {"side"}},
       {SourceKind::kCounters, "stall_windows", side_cells}},
      {{.name = "tcpperf_oldest_unread_seconds",
        .help = "How long data has waited for its process to read it, at the last sampling, at the connection where it "
                "has waited longest; 0 when none waits. In ticks of the kernel, and at least so long: of much data "
                "that came at different times not always the oldest is known. While tcpperf_sampling_ratio is below 1, "
                "of connections that are left out the time since the last data came.",
        .kind = core::MetricKind::kGauge,
        .unit = Unit::kSeconds,
        .labels = {},
        .greatest = true},
       {SourceKind::kSampled, "stall_unread_ns", single_cell}},
  };
}

std::vector<core::SignalSpec> signals() {
  std::vector<core::SignalSpec> all;
  for (const Cause& cause : kCauses) {
    const core::SeriesSelector of{kSeconds, {{"cause", cause.name}}};
    all.push_back(quantile_signal(cause.median, cause.median_help, 0.5, of));
    all.push_back(quantile_signal(cause.slowest, cause.slowest_help, 0.99, of));
    all.push_back(sum_rate_signal(cause.rate, cause.rate_help, of, Unit::kSeconds));
  }
  all.push_back(rate_signal("zero_window_peer_rate", "times per second that a peer's window shut",
                            {"tcpperf_zero_window_events_total", {{"side", "peer"}}}, Unit::kNone));
  all.push_back(rate_signal("zero_window_own_rate", "times per second that a window of ours shut",
                            {"tcpperf_zero_window_events_total", {{"side", "own"}}}, Unit::kNone));
  all.push_back(gauge_signal("oldest_unread", "longest that data has waited for its process now",
                             {"tcpperf_oldest_unread_seconds", {}}, Unit::kSeconds));
  return all;
}

}  // namespace

const core::ProbeDescriptor& stall_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "stall",
      .summary = "Where does time go while nothing moves?",
      .enable_symbol = "cfg_stall",
      .hooks = {{.program = "on_ack"},
                {.program = "on_state"},
                {.program = "on_congestion", .required = false, .provides = "retransmission timeouts"},
                {.program = "on_sample", .required = false, .provides = "most of what waits to be written or read"},
                {.program = "on_accept", .required = false, .provides = "the exact moment of accept()"},
                {.program = "on_read",
                 .required = false,
                 .provides = "what waits to be read",
                 .only_with = kReads,
                 .only_with_bits = 1}},
      .knobs = {{.key = "reads",
                 .symbol = kReads,
                 .type = core::KnobType::kBool,
                 .default_value = 0,
                 .min_value = 0,
                 .max_value = 1,
                 .help = "Whether every read is looked at, for the cause unread; it makes accept better too. A program "
                         "runs for each buffer that a process reads."}},
      .metrics = metrics(),
      .signals = signals(),
  };
  return kProbe;
}

}  // namespace tcpperf::probes

#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

using core::SourceKind;
using core::Unit;

// 7.6 us to 256 s.
constexpr core::BorderRange kWaitBorders{-17, 8};

template <std::uint32_t kIndex>
std::vector<core::Cell> cell(const core::KernelNames& /*kernel*/) {
  return {{kIndex, {}}};
}

core::MetricDef sampled(std::string_view name, std::string_view help, Unit unit, core::MetricSource source,
                        bool greatest = false) {
  return {
      {.name = name, .help = help, .kind = core::MetricKind::kGauge, .unit = unit, .labels = {}, .greatest = greatest},
      source};
}

std::vector<core::MetricDef> metrics() {
  return {
      sampled(
          "tcpperf_listener_accept_queue_connections",
          "Connections that wait for accept(), at the last sampling (Recv-Q of `ss -ltn`). Several listeners of one "
          "group are added up.",
          Unit::kConnections, {SourceKind::kSampled, "listener_now", cell<TCPPERF_LISTENER_QUEUED>}),
      sampled("tcpperf_listener_accept_queue_limit_connections",
              "What listen() asked for, or net.core.somaxconn where that is less (Send-Q of `ss -ltn`); the kernel "
              "lets one connection more wait. Several listeners of one group are added up.",
              Unit::kConnections, {SourceKind::kSampled, "listener_now", cell<TCPPERF_LISTENER_LIMIT>}),
      sampled("tcpperf_listener_accept_queue_highest_connections",
              "The most connections that waited for accept() at one listener of the group since the daemon's start, as "
              "the connections that came and the samplings found it. Connections that come on several CPUs at once may "
              "not see each other. What a group had that is gone counts for `other`.",
              Unit::kConnections, {SourceKind::kCounters, "listener_high", single_cell}, true),
      sampled("tcpperf_listener_accept_queue_used_ratio",
              "How full the accept queue is, at the last sampling, of the fullest listener of the group: at 1 the "
              "kernel takes no connection more.",
              Unit::kRatio, {SourceKind::kSampled, "listener_worst", cell<TCPPERF_LISTENER_USED>}, true),
      sampled("tcpperf_listener_syn_queue_connections",
              "Handshakes that wait for the client's ACK, at the last sampling. Not counted: those that the kernel "
              "keeps as SYN cookies alone.",
              Unit::kConnections, {SourceKind::kSampled, "listener_now", cell<TCPPERF_LISTENER_SYNS>}),
      sampled("tcpperf_listener_sockets", "Listeners of the group, at the last sampling.", Unit::kNone,
              {SourceKind::kSampled, "listener_now", cell<TCPPERF_LISTENER_SOCKETS>}),
      sampled("tcpperf_listener_syn_cookie_sockets",
              "Listeners that had to send SYN cookies in the 10 s before the last sampling; of listeners that share an "
              "address and a port with SO_REUSEPORT all count when one had to. How many cookies is not known.",
              Unit::kNone, {SourceKind::kSampled, "listener_now", cell<TCPPERF_LISTENER_COOKIES>}),
      {{.name = "tcpperf_listener_drops_total",
        .help = "Packets that the listener dropped (the socket's own count, `d` of `ss -ltm`): SYNs and ACKs for which "
                "there was no room in the accept queue or the SYN queue, each attempt anew; with TCP_DEFER_ACCEPT the "
                "ACK of each handshake; and the few that a filter on the socket, a wrong signature or a lack of memory "
                "keeps out. The kernel does not say which. It counts an ACK that finds the accept queue full twice. "
                "Not counted: what was dropped before the daemon started.",
        .kind = core::MetricKind::kCounter,
        .unit = Unit::kPackets,
        .labels = {}},
       {SourceKind::kCounters, "listener_drops", single_cell}},
      {{.name = "tcpperf_listener_accept_wait_seconds",
        .help = "Time from a connection's arrival in the accept queue until accept() took it. Exact where the kernel "
                "lets functions be traced; else until the first sign that a process has it, which is the next segment "
                "that arrives, change of state or sampling: then it is too long by as much. Not counted: connections "
                "older than the daemon, and, without function tracing, those that ended before they were accepted. "
                "Without function tracing, and while tcpperf_sampling_ratio is below 1, scaled up from the connections "
                "that are looked at; while it is 0, nothing is counted.",
        .kind = core::MetricKind::kHistogram,
        .unit = Unit::kSeconds,
        .labels = {},
        .borders = kWaitBorders},
       {SourceKind::kHistograms, "listener_wait", single_cell}},
      sampled("tcpperf_listener_oldest_wait_seconds",
              "How long the connection that waits longest for accept() has waited, at the last sampling; 0 when none "
              "waits. Not counted: connections older than the daemon, and those that their client has given up.",
              Unit::kSeconds, {SourceKind::kSampled, "listener_worst", cell<TCPPERF_LISTENER_OLDEST>}, true),
  };
}

}  // namespace

const core::ProbeDescriptor& listener_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "listener",
      .summary = "Do those who listen keep up with those who connect?",
      .enable_symbol = "cfg_listener",
      .of_listeners = true,
      .hooks = {{.program = "on_state"},
                {.program = "on_sample", .required = false, .provides = "the state of the queues, and drops"},
                {.program = "on_ack", .required = false, .provides = "most signs that a connection was accepted"},
                {.program = "on_accept", .required = false, .provides = "the exact moment of accept()"}},
      .metrics = metrics(),
      .signals =
          {
              gauge_signal("accept_queue_used", "how full the fullest accept queue is now",
                           {"tcpperf_listener_accept_queue_used_ratio", {}}, Unit::kRatio),
              gauge_signal("accept_queue_highest", "most connections that waited at a listener since the start",
                           {"tcpperf_listener_accept_queue_highest_connections", {}}, Unit::kConnections),
              gauge_signal("accept_queue_oldest", "longest wait for accept() now",
                           {"tcpperf_listener_oldest_wait_seconds", {}}, Unit::kSeconds),
              gauge_signal("syn_cookie_listeners", "listeners that had to send SYN cookies in the last 10 s",
                           {"tcpperf_listener_syn_cookie_sockets", {}}, Unit::kNone),
              rate_signal("listener_drop_rate", "packets that listeners dropped per second",
                          {"tcpperf_listener_drops_total", {}}, Unit::kPackets),
              quantile_signal("accept_wait_p50", "median wait for accept()", 0.5,
                              {"tcpperf_listener_accept_wait_seconds", {}}),
              quantile_signal("accept_wait_p99", "99th percentile of the wait for accept()", 0.99,
                              {"tcpperf_listener_accept_wait_seconds", {}}),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

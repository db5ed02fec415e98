#include "abi/counters.h"
#include "core/probe/descriptor.h"
#include "probes/cells.h"
#include "probes/signals.h"

namespace tcpperf::probes {
namespace {

constexpr std::string_view kMetric = "tcpperf_connection_time_seconds_total";
constexpr std::array<std::string_view, TCPPERF_TIME_LIMITS> kLimits = {
    "idle",         "app_limited",    "cwnd_limited",   "loss_recovery", "rto",
    "rwnd_limited", "reader_limited", "sndbuf_limited", "pacing",        "other"};

std::vector<core::Cell> limit_cells(const core::KernelNames& /*kernel*/) {
  return named_cells(0, kLimits);
}

core::SignalSpec share_of_time(std::string_view name, std::string_view help, std::string_view limit) {
  return ratio_signal(name, help, {kMetric, {{"limit", limit}}}, {kMetric, {}});
}

core::SignalSpec share_of_busy(std::string_view name, std::string_view help, std::string_view limit) {
  return ratio_signal(name, help, {kMetric, {{"limit", limit}}}, {kMetric, {{"limit", "idle", true}}});
}

}  // namespace

const core::ProbeDescriptor& time_probe() {
  static const core::ProbeDescriptor kProbe{
      .name = "time",
      .summary = "Where does the time of a connection go?",
      .enable_symbol = "cfg_time",
      .hooks = {{.program = "on_state"},
                {.program = "on_ack",
                 .required = false,
                 .provides = "the limit of each moment of busy time, other than that of the next reading",
                 .thinned = "busy time of the connections that are left out has the limit that readings find"},
                {.program = "on_congestion",
                 .required = false,
                 .provides = "the silence before a retransmission timeout as rto"},
                {.program = "on_sample",
                 .required = false,
                 .provides = "the time of silent connections before their next segment or their end"},
                {.program = "on_seed",
                 .required = false,
                 .provides = "the time of connections that are open already, "
                             "up to their first segment or reading"},
                {.program = "on_destroy", .required = false, .provides = "the last time, where the end was missed"}},
      .metrics =
          {
              {{.name = kMetric,
                .help =
                    "Where the time of connections went, from ESTABLISHED (or first sight of an older connection) to "
                    "CLOSE, as the sending side sees it; the limits of a connection add up to its life. Brought up to "
                    "date while segments arrive, at every reading, and at the end; up to two retransmission timeouts "
                    "of silence with data in flight are left for what ends it. "
                    "idle: nothing to send, which a pure receiver always is. app_limited: all that the process wrote "
                    "is on its way and waits for its acknowledgement. cwnd_limited: the congestion window is full. "
                    "loss_recovery: fast recovery of lost segments. rto: silence up to a retransmission timeout, and "
                    "the recovery behind it. rwnd_limited: the window of the peer is open and full. reader_limited: "
                    "the "
                    "same, and it is smaller than half of the largest that the peer ever offered, because the process "
                    "there does not read what has arrived. sndbuf_limited: all is on its way, "
                    "and the process could write no more because the send buffer is full. pacing: the next packet "
                    "waits for its departure time, or for the host's own queue, which is the same wait with the qdisc "
                    "fq. other: none of these, such as Nagle's algorithm or the wait for a larger packet, or not "
                    "known. All "
                    "that is not idle, and rwnd_limited with reader_limited, are the kernel's tcpi_busy_time and "
                    "tcpi_rwnd_limited, exact to its jiffies, but that the latter is rto while a timeout is recovered "
                    "from; sndbuf_limited has more than tcpi_sndbuf_limited, which misses writes that are sent at "
                    "once. Outside "
                    "of the state ESTABLISHED, arriving segments are not looked at: there, busy time is told apart at "
                    "readings only, and what ends before the next one is other, unless all was on its way as the "
                    "process "
                    "closed. Not counted: attempts that never became ESTABLISHED, TIME_WAIT, and the "
                    "time in which a reload exchanged the programs. While tcpperf_sampling_ratio is below 1, the sum "
                    "is still exact, and so is what the kernel tells; the rest of the busy time of connections that "
                    "are "
                    "left out has the limit that readings find.",
                .kind = core::MetricKind::kCounter,
                .unit = core::Unit::kSeconds,
                .labels = {"limit"}},
               {core::SourceKind::kCounters, "time_spent", limit_cells}},
          },
      .signals =
          {
              share_of_time("time_share_idle", "share of the connections' time in which they had nothing to send",
                            "idle"),
              share_of_time("time_share_app_limited", "share of time waiting for the process to write more",
                            "app_limited"),
              share_of_time("time_share_cwnd_limited", "share of time with a full congestion window", "cwnd_limited"),
              share_of_time("time_share_loss_recovery", "share of time in fast recovery of lost segments",
                            "loss_recovery"),
              share_of_time("time_share_rto", "share of time lost to retransmission timeouts", "rto"),
              share_of_time("time_share_rwnd_limited", "share of time with the peer's window open and full",
                            "rwnd_limited"),
              share_of_time("time_share_reader_limited", "share of time with the peer's window far below its largest",
                            "reader_limited"),
              share_of_time("time_share_sndbuf_limited", "share of time held up by the send buffer", "sndbuf_limited"),
              share_of_time("time_share_pacing", "share of time in pacing or in the host's own queue", "pacing"),
              share_of_time("time_share_other", "share of time with something to send and no known limit", "other"),
              share_of_busy("busy_share_app_limited",
                            "share of the time that is not idle waiting for the process to write more", "app_limited"),
              share_of_busy("busy_share_cwnd_limited",
                            "share of the time that is not idle with a full congestion window", "cwnd_limited"),
              share_of_busy("busy_share_loss_recovery",
                            "share of the time that is not idle in fast recovery of lost segments", "loss_recovery"),
              share_of_busy("busy_share_rto", "share of the time that is not idle lost to retransmission timeouts",
                            "rto"),
              share_of_busy("busy_share_rwnd_limited",
                            "share of the time that is not idle with the peer's window open and full", "rwnd_limited"),
              share_of_busy("busy_share_reader_limited",
                            "share of the time that is not idle with the peer's window far below its largest",
                            "reader_limited"),
              share_of_busy("busy_share_sndbuf_limited",
                            "share of the time that is not idle held up by the send buffer", "sndbuf_limited"),
              share_of_busy("busy_share_pacing",
                            "share of the time that is not idle in pacing or in the host's own queue", "pacing"),
              share_of_busy("busy_share_other",
                            "share of the time that is not idle with something to send and no known limit", "other"),
          },
  };
  return kProbe;
}

}  // namespace tcpperf::probes

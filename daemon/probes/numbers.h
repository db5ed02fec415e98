// The numbers of kNumbers: which there are, for the descriptors that show them and the daemon that makes them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "abi/counters.h"

namespace tcpperf::probes {

// Names of the tables.
inline constexpr std::string_view kComparedEvents = "compared_events";  // per counter: ours, the kernel's
inline constexpr std::string_view kComparedRatios = "compared_ratios";  // per counter
inline constexpr std::string_view kKernelEvents = "kernel_events";      // per kKernelEventNames
inline constexpr std::string_view kKernelTimes = "kernel_times";        // seconds under memory pressure
inline constexpr std::string_view kKernelMemory = "kernel_memory";      // bytes: in use, then the three limits

// A counter of the kernel's that our events can tell exactly. Names are nstat's.
struct ComparedCounter {
  std::string_view name;
  std::string_view kernel_less;              // of the kernel's count; empty: nothing
  std::uint32_t cell = 0;                    // in the array `reconciled`
  std::optional<std::uint32_t> cell_less{};  // of ours
  std::array<std::string_view, 2> programs;  // that count it; empty: one is enough
  // The tracepoint shows all events only when it has so many arguments; empty: always.
  std::string_view tracepoint{};
  unsigned arguments = 0;
};

inline constexpr std::string_view kReconciledMap = "reconciled";

// Left out because no event tells them exactly: AttemptFails and TCPTimeouts also count what befalls a half-open
// request, for which there is no event.
inline constexpr std::array<ComparedCounter, 6> kComparedCounters = {{
    {"TcpActiveOpens", "", TCPPERF_RECONCILED_ACTIVE_OPENS, TCPPERF_RECONCILED_NOT_SENT, {"on_state", ""}},
    {"TcpPassiveOpens", "", TCPPERF_RECONCILED_PASSIVE_OPENS, {}, {"on_state", ""}},
    {"TcpEstabResets", "", TCPPERF_RECONCILED_ESTABLISHED_RESETS, {}, {"on_state", ""}},
    {"TcpRetransSegs", "TcpExtTCPRetransFail", TCPPERF_RECONCILED_RETRANSMITS, {}, {"on_retransmit", "on_synack"}},
    {"TcpExtTCPSynRetrans", "", TCPPERF_RECONCILED_SYN_RETRANSMITS, {}, {"on_retransmit", "on_synack"}},
    // Before Linux 6.10 a reset that is sent without a socket has no event, and the tracepoint no third argument.
    {"TcpOutRsts", "", TCPPERF_RECONCILED_RESETS_SENT, {}, {"on_reset_send", ""}, "tcp_send_reset", 3},
}};

// What the kernel counts per network namespace, and no socket shows.
inline constexpr std::array<std::string_view, 19> kKernelEventNames = {"TcpExtListenOverflows",
                                                                       "TcpExtListenDrops",
                                                                       "TcpExtSyncookiesSent",
                                                                       "TcpExtSyncookiesFailed",
                                                                       "TcpExtTCPReqQFullDrop",
                                                                       "TcpExtTCPReqQFullDoCookies",
                                                                       "TcpExtPruneCalled",
                                                                       "TcpExtRcvPruned",
                                                                       "TcpExtOfoPruned",
                                                                       "TcpExtTCPBacklogDrop",
                                                                       "TcpExtTCPRcvQDrop",
                                                                       "TcpExtTCPZeroWindowDrop",
                                                                       "TcpExtTCPMemoryPressures",
                                                                       "TcpExtTCPAbortOnMemory",
                                                                       "TcpExtTCPToZeroWindowAdv",
                                                                       "TcpExtTCPFromZeroWindowAdv",
                                                                       "TcpExtTCPWantZeroWindowAdv",
                                                                       "TcpExtTCPWinProbe",
                                                                       "TcpExtTCPOFOQueue"};
inline constexpr std::string_view kKernelPressureMs = "TcpExtTCPMemoryPressuresChrono";

inline constexpr std::array<std::string_view, 3> kMemoryLimits = {"low", "pressure", "high"};

}  // namespace tcpperf::probes

// An alert as an entry of systemd's journal, in journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).
//
// Encoded here because sd_journal_send(3) waits when journald is slow.
#pragma once

#include <string>
#include <string_view>

#include "core/rules/rule.h"

namespace tcpperf::adapters {

// MESSAGE_ID of the entries; packaging/systemd/tcpperf.catalog explains them to `journalctl -x`. Never to be changed:
// people select by them.
inline constexpr std::string_view kAlertFiringId = "05ace33c8ecf4d0682c3b0f7b20d0d28";
inline constexpr std::string_view kAlertResolvedId = "a174b1562a5746a48598ffc401b565c2";

// Longer values end in "...". The configuration allows less, so this only keeps an entry within one datagram.
inline constexpr std::size_t kLongestJournalValue = 4096;  // bytes

// One datagram. MESSAGE is the line that syslog gets; the fields TCPPERF_* are those of the JSON record, in the same
// units: TCPPERF_ALERT, _STATE, _SEVERITY, _CONDITION, _SAMPLES, _WINDOW_SECONDS, _FOR_SECONDS, _ACTIVE_SECONDS,
// _REASON, _DIAGNOSIS, _ACTION, and TCPPERF_SIGNAL_<NAME> for each signal that has a value. TCPPERF_VALUE has the
// signals for people: "rtt_p99=7.1ms rtt_p50=1ms". All but the signals are always there, if empty.
std::string journal_entry(const core::AlertEvent& event);

}  // namespace tcpperf::adapters

// An alert as one line for people.
#pragma once

#include <cstddef>
#include <string>

#include "core/metrics/metric.h"
#include "core/rules/rule.h"

namespace tcpperf::adapters {

// RFC 3164 stops at 1,024 bytes, but the daemons of today take at least 8 KiB, and an alert cut off before its action
// is worth less. Longer lines end in "...".
inline constexpr std::size_t kLongestAlertText = 2048;  // bytes

// "FIRING critical tail: rtt_p99 > 5ms for 30s; rtt_p99=7.1ms samples=1234. <diagnosis> <action>"
// "RESOLVED critical tail: rtt_p99 > 5ms, after 125s: the condition is false; rtt_p99=2ms samples=1234"
// One line of at most kLongestAlertText bytes: control characters are escaped, UTF-8 stays and is never cut apart.
std::string to_text(const core::AlertEvent& event);

// The signals with their units: "rtt_p99=7.1ms rtt_p50=1ms"; empty without any.
std::string signals_text(const core::AlertEvent& event);

// Shortens to `longest` bytes, "..." included, without cutting a UTF-8 sequence apart. Precondition: longest >= 3.
void shorten(std::string& text, std::size_t longest);

// A value with its unit, to three or four digits: "7.1ms", "2.5%", "1.2e+07 bytes", "42".
std::string with_unit(double value, core::Unit unit);

}  // namespace tcpperf::adapters

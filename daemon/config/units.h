// Numbers, durations and ports as text, strictly: what could mean two things is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/model.h"
#include "core/base/result.h"

namespace tcpperf::config {

// Decimal digits, no sign, no leading zero. A number above 2^64-1 is returned as 2^64-1.
std::optional<std::uint64_t> parse_whole_number(std::string_view text);

enum class FinestUnit { kMilliseconds, kNanoseconds };

// "500ms", "5s", "1m30s", "2h": whole numbers with their units, the larger unit first, each once. In nanoseconds; a
// duration above 2^64-1 ns is returned as 2^64-1. The error says what was expected.
core::Result<std::uint64_t> parse_duration(std::string_view text, FinestUnit finest);

// The shortest text that parse_duration() reads as `nanoseconds`.
std::string format_duration(std::uint64_t nanoseconds);

// "0.5%": a share of one CPU from 0.01% to 100%, with at most four decimals. In millionths. The error says what was
// expected.
core::Result<std::uint32_t> parse_cpu_share(std::string_view text);

// The shortest text that parse_cpu_share() reads as `millionths`.
std::string format_cpu_share(std::uint32_t millionths);

// "443" or "8000-8100"; ports are 1 to 65535. The error says what was expected.
core::Result<PortRange> parse_port_range(std::string_view text);

// "http://host[:port][/...]" or https; an IPv6 host in brackets. The error says what was expected.
core::Result<void> check_http_url(std::string_view text);

}  // namespace tcpperf::config

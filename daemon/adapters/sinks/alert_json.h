// An alert as the JSON object that the file and the webhook share.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/rules/rule.h"

namespace tcpperf::adapters {

// One line without its newline. Bytes that are not UTF-8 become U+FFFD; a value that is no number becomes null.
std::string to_json(const core::AlertEvent& event, std::string_view host);

// "2026-01-31T23:59:59.999Z".
std::string iso8601_utc(std::chrono::system_clock::time_point time);

}  // namespace tcpperf::adapters

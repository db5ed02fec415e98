// What to say about a name that does not exist.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace tcpperf::adapters {

// "unknown signal 'rtt_p9'; did you mean 'rtt_p99'? known: rtt_p50, rtt_p99".
core::Error unknown_signal(std::string_view name, const std::vector<std::string>& known);

}  // namespace tcpperf::adapters

// Conditions of alert rules, compiled by muParser. What a condition may be:
//
//   numbers      12  0.5  1e-3, always with a decimal point; with a unit behind: ns us ms s m (minutes) %
//                (10ms is 0.01, as time signals are in seconds; 2% is 0.02)
//   signals      by name
//   operators    + - * / ^   < <= > >= == !=   && || !   ( )
//   functions    min(a, b, ...)  max(a, b, ...)  abs(a)
//
// It must compare or combine something: `rtt_p99 - 5ms` alone would be "true" for nearly any value, and is refused. So
// is `1 < a < 3`, which would compare a truth value with 3.
//
// A division by zero or an overflow has no truth value, and neither has what is compared with it; `false && that` is
// false and `true || that` is true all the same, so `segments > 0 && drops / segments > 1%` is always judged.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/rules/expression.h"

namespace tcpperf::adapters {

inline constexpr std::size_t kLongestCondition = 1024;  // bytes

// A core::ExpressionCompiler. Any thread; the expression belongs to one.
core::Result<std::unique_ptr<core::Expression>> compile_expression(std::string_view condition,
                                                                   const std::vector<std::string>& names);

}  // namespace tcpperf::adapters

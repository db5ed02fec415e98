// The words of a condition. Everything muParser could understand beyond our language (assignment, `?:`, strings, its
// other functions) ends here, so that it never sees it.
#pragma once

#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace tcpperf::adapters {

enum class TokenKind {
  kNumber,
  kUnit,        // directly behind a number
  kIdentifier,  // a signal
  kFunction,
  kArithmetic,  // + - * / ^
  kComparison,  // < <= > >= == !=
  kLogical,     // && || !
  kOpen,
  kClose,
  kComma,
};

struct Token {
  TokenKind kind;
  std::string_view text;  // part of the condition
};

// The tokens in order, or where and why the text is not made of such.
core::Result<std::vector<Token>> tokenize(std::string_view condition);

// Refuses what is well-formed but would not mean what it says: no comparison at all, or a chain of comparisons.
core::Result<void> check_is_condition(const std::vector<Token>& tokens);

}  // namespace tcpperf::adapters

// Text as files bring it: which characters are refused, and how a piece of it appears in a message.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "config/error.h"

namespace tcpperf::config {

struct BadCharacter {
  std::size_t offset = 0;  // in bytes
  std::string what;        // "byte 0xff is not UTF-8", "control character U+0007"
};

// The first byte that is not UTF-8, or the first control character other than tab and line ends.
std::optional<BadCharacter> find_bad_character(std::string_view text);

// The place of the byte at `offset`. Precondition: what lies before it is UTF-8.
Position position_of(std::string_view text, std::size_t offset);

// In single quotes, cut when long, on one line. Precondition: UTF-8.
std::string quoted(std::string_view text);

// Every run of blanks and line ends as one blank, none at the ends.
std::string on_one_line(std::string_view text);

}  // namespace tcpperf::config

// Text that may be any bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tcpperf::core {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

// Length of the well-formed UTF-8 sequence at the start of `text` (Unicode, table 3-7); 0 when there is none.
// Precondition: `text` is not empty.
std::size_t utf8_sequence_length(std::string_view text);

bool is_utf8(std::string_view text);

// U+FFFD for each byte that is not part of a well-formed sequence.
std::string to_utf8(std::string_view text);

}  // namespace tcpperf::core

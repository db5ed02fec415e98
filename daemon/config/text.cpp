#include "config/text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace tcpperf::config {
namespace {

constexpr std::size_t kLongestQuote = 60;

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U;
}

struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 0;  // 0: not UTF-8
};

// Precondition: offset < text.size().
Character decode(std::string_view text, std::size_t offset) {
  const auto lead = static_cast<unsigned char>(text[offset]);
  if (lead < 0x80) {
    return {lead, 1};
  }
  std::size_t bytes = 0;
  std::uint32_t smallest = 0;
  if (lead >= 0xc0 && lead < 0xe0) {
    bytes = 2;
    smallest = 0x80;
  } else if (lead >= 0xe0 && lead < 0xf0) {
    bytes = 3;
    smallest = 0x800;
  } else if (lead >= 0xf0 && lead < 0xf8) {
    bytes = 4;
    smallest = 0x10000;
  }
  if (bytes == 0 || text.size() - offset < bytes) {
    return {};
  }
  std::uint32_t code = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!is_continuation(text[offset + i])) {
      return {};
    }
    code = (code << 6U) | (static_cast<unsigned char>(text[offset + i]) & 0x3fU);
  }
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (code < smallest || code > 0x10ffff || surrogate) {
    return {};
  }
  return {code, bytes};
}

bool is_control(std::uint32_t code) {
  const bool is_blank = code == '\t' || code == '\n' || code == '\r';
  return (code < 0x20 && !is_blank) || (code >= 0x7f && code < 0xa0);
}

std::string hex(const char* format, std::uint32_t value) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, value);
  return buffer.data();
}

}  // namespace

std::optional<BadCharacter> find_bad_character(std::string_view text) {
  for (std::size_t offset = 0; offset < text.size();) {
    const Character character = decode(text, offset);
    if (character.bytes == 0) {
      return BadCharacter{offset, hex("byte 0x%02x is not UTF-8", static_cast<unsigned char>(text[offset]))};
    }
    if (is_control(character.code)) {
      return BadCharacter{offset, hex("control character U+%04X", character.code)};
    }
    offset += character.bytes;
  }
  return std::nullopt;
}

Position position_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_end = before.rfind('\n');
  const std::string_view line = line_end == std::string_view::npos ? before : before.substr(line_end + 1);
  const auto characters = std::count_if(line.begin(), line.end(), [](char byte) { return !is_continuation(byte); });
  return {static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1, static_cast<int>(characters) + 1};
}

std::string quoted(std::string_view text) {
  std::size_t kept = std::min(text.size(), kLongestQuote);
  while (kept < text.size() && kept > 0 && is_continuation(text[kept])) {
    --kept;
  }
  std::string result = "'" + std::string(text.substr(0, kept));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return result + (kept < text.size() ? "...'" : "'");
}

std::string on_one_line(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!blank) {
      result += c;
    } else if (!result.empty() && result.back() != ' ') {
      result += ' ';
    }
  }
  if (!result.empty() && result.back() == ' ') {
    result.pop_back();
  }
  return result;
}

}  // namespace tcpperf::config

#include "adapters/http/credentials.h"

#include <algorithm>
#include <cstdint>

#include "core/net/accept_list.h"

namespace tcpperf::adapters::http {
namespace {

std::optional<unsigned> base64_value(char c) {
  if (c >= 'A' && c <= 'Z') {
    return static_cast<unsigned>(c - 'A');
  }
  if (c >= 'a' && c <= 'z') {
    return static_cast<unsigned>(c - 'a' + 26);
  }
  if (c >= '0' && c <= '9') {
    return static_cast<unsigned>(c - '0' + 52);
  }
  if (c == '+' || c == '/') {
    return c == '+' ? 62U : 63U;
  }
  return std::nullopt;
}

// Padded to groups of four, as the header demands.
std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) {
    return std::nullopt;
  }
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) {
    text.remove_suffix(1);
  }
  std::string out;
  std::uint32_t bits = 0;
  unsigned pending = 0;  // bits that no byte was made of yet
  for (const char c : text) {
    const auto value = base64_value(c);
    if (!value) {
      return std::nullopt;
    }
    bits = bits << 6U | *value;
    pending += 6;
    if (pending >= 8) {
      pending -= 8;
      out += static_cast<char>(bits >> pending & 0xFFU);
    }
  }
  return out;
}

}  // namespace

std::optional<Credentials> parse_basic_credentials(std::string_view authorization) {
  const std::size_t blank = authorization.find(' ');
  if (blank == std::string_view::npos || !core::equal_ignoring_case(authorization.substr(0, blank), "Basic")) {
    return std::nullopt;
  }
  std::string_view encoded = authorization.substr(blank);
  encoded.remove_prefix(std::min(encoded.find_first_not_of(' '), encoded.size()));
  encoded = encoded.substr(0, encoded.find_last_not_of(" \t") + 1);  // which belongs to no header's value
  const auto decoded = decode_base64(encoded);
  const std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos) {
    return std::nullopt;
  }
  return Credentials{decoded->substr(0, colon), decoded->substr(colon + 1)};
}

}  // namespace tcpperf::adapters::http

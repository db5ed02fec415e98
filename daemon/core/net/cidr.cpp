#include "core/net/cidr.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include <arpa/inet.h>

namespace tcpperf::core {
namespace {

constexpr std::size_t kMappedBytes = 12;
constexpr unsigned kMappedBits = 8 * kMappedBytes;
constexpr unsigned kIpv4Bits = 32;
constexpr unsigned kIpv6Bits = 128;
constexpr std::string_view kExample = "expected a network such as 10.0.0.0/8 or 2001:db8::/32";
constexpr std::size_t kLongestQuote = 60;

using Address = std::array<std::uint8_t, 16>;

struct ParsedAddress {
  Address bytes{};
  bool is_ipv4 = false;
};

// An address is printable ASCII; anything else is shown as '?', so that the message stays one line of text.
std::string quoted(std::string_view text) {
  std::string result(text.substr(0, kLongestQuote));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return "'" + result + (text.size() > kLongestQuote ? "...'" : "'");
}

bool is_mapped(const Address& address) {
  return std::all_of(address.begin(), address.begin() + 10, [](std::uint8_t byte) { return byte == 0; }) &&
         address[10] == 0xff && address[11] == 0xff;
}

std::optional<ParsedAddress> parse_address(std::string_view text) {
  // inet_pton() reads a C string: a zero byte would hide what follows it.
  if (text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string terminated(text);
  ParsedAddress result;
  if (inet_pton(AF_INET, terminated.c_str(), result.bytes.data() + kMappedBytes) == 1) {
    result.bytes[10] = 0xff;
    result.bytes[11] = 0xff;
    result.is_ipv4 = true;
    return result;
  }
  if (inet_pton(AF_INET6, terminated.c_str(), result.bytes.data()) == 1) {
    return result;
  }
  return std::nullopt;
}

// Decimal digits without sign or leading zero, not above `limit`.
std::optional<unsigned> parse_prefix(std::string_view text, unsigned limit) {
  if (text.empty() || text.front() == '+' || text.front() == '-' || (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > limit) {
    return std::nullopt;
  }
  return value;
}

Address masked(Address address, unsigned prefix_bits) {
  for (unsigned i = 0; i < address.size(); ++i) {
    const unsigned kept = prefix_bits > 8 * i ? std::min(prefix_bits - 8 * i, 8U) : 0;
    address[i] = static_cast<std::uint8_t>(address[i] & (0xff00U >> kept));
  }
  return address;
}

}  // namespace

Result<Cidr> parse_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view address_text = text.substr(0, slash);
  const std::optional<ParsedAddress> address = parse_address(address_text);
  if (!address) {
    return Error{quoted(address_text) + " is not an IP address; " + std::string(kExample)};
  }
  const unsigned limit = address->is_ipv4 ? kIpv4Bits : kIpv6Bits;
  unsigned prefix = limit;
  if (slash != std::string_view::npos) {
    const std::optional<unsigned> parsed = parse_prefix(text.substr(slash + 1), limit);
    if (!parsed) {
      return Error{"prefix length " + quoted(text.substr(slash + 1)) + " is not a number from 0 to " +
                   std::to_string(limit) + "; " + std::string(kExample)};
    }
    prefix = *parsed;
  }
  const unsigned bits = address->is_ipv4 ? kMappedBits + prefix : prefix;
  const Cidr network{masked(address->bytes, bits), static_cast<std::uint8_t>(bits)};
  if (network.address != address->bytes) {
    return Error{quoted(text) + " has bits set behind its prefix; the network is '" + to_string(network) + "'"};
  }
  return network;
}

std::string to_string(const Cidr& cidr) {
  const bool is_ipv4 = is_mapped(cidr.address) && cidr.prefix_bits >= kMappedBits;
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const auto* bytes = cidr.address.data() + (is_ipv4 ? kMappedBytes : 0);
  // Cannot fail: the family is known and the buffer holds the longest address.
  if (inet_ntop(is_ipv4 ? AF_INET : AF_INET6, bytes, buffer.data(), buffer.size()) == nullptr) {
    return {};
  }
  return std::string(buffer.data()) + "/" + std::to_string(is_ipv4 ? cidr.prefix_bits - kMappedBits : cidr.prefix_bits);
}

}  // namespace tcpperf::core

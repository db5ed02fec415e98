// Addresses as the filters know them: IPv4 as IPv4-mapped IPv6, so that one key serves both families.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace tcpperf::core {

// A network: the first prefix_bits of address, network byte order. An IPv4 network a.b.c.d/n is ::ffff:a.b.c.d/(96+n).
// Invariant (of parse_cidr): the bits behind the prefix are zero.
struct Cidr {
  std::array<std::uint8_t, 16> address{};
  std::uint8_t prefix_bits = 0;

  bool operator==(const Cidr&) const = default;
};

// "10.0.0.0/8", "2001:db8::/32", or a plain address (all bits). The error says what is wrong and gives an example;
// set host bits ("10.0.0.1/8") are an error, because they are nearly always a slip.
Result<Cidr> parse_cidr(std::string_view text);

// The canonical text, IPv4 for mapped networks.
std::string to_string(const Cidr& cidr);

}  // namespace tcpperf::core

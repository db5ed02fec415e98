// The value of --web.listen-address.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace tcpperf::adapters::http {

struct ListenAddress {
  std::string host;        // name or address, IPv6 without brackets; empty: all addresses of both families
  std::uint16_t port = 0;  // 0: the kernel chooses

  bool operator==(const ListenAddress&) const = default;
};

// ":9435", "127.0.0.1:9435", "[::1]:9435", "localhost:0". The error names what is wrong and gives an example. Names are
// checked for their form only, and resolved when the server starts.
core::Result<ListenAddress> parse_listen_address(std::string_view text);

// The form that parse_listen_address() reads.
std::string to_string(const ListenAddress& address);

}  // namespace tcpperf::adapters::http

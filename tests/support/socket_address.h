// Socket addresses of the three ways to speak TCP here.
#pragma once

#include <cstdint>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>

#include "support/network_pair.h"
#include "support/socket.h"

namespace tcpperf::test {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] int domain() const { return storage.ss_family; }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// AF_INET for kIPv4, AF_INET6 for the other two. Throws std::runtime_error when the text is no such address.
SocketAddress socket_address(Family family, const std::string& address, std::uint16_t port);

// The local port, in host byte order. Throws std::runtime_error.
std::uint16_t port_of(const Socket& socket);

}  // namespace tcpperf::test

#include "support/socket_address.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>

namespace tcpperf::test {

SocketAddress socket_address(Family family, const std::string& address, std::uint16_t port) {
  SocketAddress result;
  int parsed = 0;
  if (family == Family::kIPv4) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(result.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    parsed = ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr);
    result.length = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(result.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    parsed = ::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr);
    result.length = sizeof v6;
  }
  if (parsed != 1) {
    throw std::runtime_error(address + " is no address of an " + name_of(family) + " socket");
  }
  return result;
}

std::uint16_t port_of(const Socket& socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    throw std::runtime_error(std::string("getsockname: ") + std::strerror(errno));
  }
  return ntohs(storage.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(storage).sin_port
                                            : reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
}

}  // namespace tcpperf::test

// A server's socket by hand, for tests of when it accepts and reads.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include <sys/socket.h>

#include "support/network_pair.h"
#include "support/socket.h"
#include "support/socket_address.h"
#include "support/traffic.h"

namespace tcpperf::test {

inline constexpr int kBacklog = 7;
// Where nobody else on the machine listens, so that a filter can keep the others out; in the namespaces of tests all
// are free, and no two listeners of a process have the same.
inline constexpr std::uint16_t kFirstListenerPort = 27'400;
inline constexpr std::uint16_t kLastListenerPort = 27'899;

inline std::uint16_t next_listener_port() {
  static std::atomic<std::uint16_t> ports{0};
  return static_cast<std::uint16_t>(kFirstListenerPort + ports++ % (kLastListenerPort - kFirstListenerPort + 1));
}

// Listens on a port of its own, and accepts only when it is told to. Throws std::runtime_error.
class Listener {
 public:
  explicit Listener(const Side& side, Family family = Family::kIPv4, int backlog = kBacklog,
                    const std::string& address = "")
      : socket_(in_namespace(side, [&] {
          const std::string any = family == Family::kIPv4 ? "0.0.0.0" : "::";
          const SocketAddress local = socket_address(family, address.empty() ? any : address, next_listener_port());
          Socket socket(::socket(local.domain(), SOCK_STREAM | SOCK_CLOEXEC, 0));
          if (::bind(socket.get(), local.get(), local.length) != 0 || ::listen(socket.get(), backlog) != 0) {
            throw std::runtime_error(std::string("listen: ") + std::strerror(errno));
          }
          return socket;
        })) {}
  [[nodiscard]] std::uint16_t port() const { return local_port(socket_); }
  [[nodiscard]] std::string port_text() const { return std::to_string(port()); }
  [[nodiscard]] Socket accept() const {
    Socket socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.get() < 0) {
      throw std::runtime_error(std::string("accept: ") + std::strerror(errno));
    }
    return socket;
  }
  void accept_and_close() const { accept().close(); }
  void close() { socket_.close(); }
  [[nodiscard]] int get() const { return socket_.get(); }

 private:
  Socket socket_;
};

}  // namespace tcpperf::test

// A network namespace of a test's own, with loopback: nothing but the test's sockets is in it.
#pragma once

#include <cerrno>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "catch.h"

namespace tcpperf::test {

inline void require(bool holds, const char* what) {
  if (!holds) {
    throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
  }
}

// A socket that closes itself.
class TcpSocket {
 public:
  explicit TcpSocket(int fd) : fd_(fd) { require(fd >= 0, "socket"); }
  TcpSocket(TcpSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  TcpSocket& operator=(TcpSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  TcpSocket(const TcpSocket&) = delete;
  TcpSocket& operator=(const TcpSocket&) = delete;
  ~TcpSocket() { close(); }

  [[nodiscard]] int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) {
      ::close(std::exchange(fd_, -1));
    }
  }

 private:
  int fd_;
};

// A socket on loopback, bound to a free port. IPv6 ones take IPv4 as well.
inline TcpSocket bound_socket(int family) {
  TcpSocket socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = static_cast<sa_family_t>(family);  // the rest is "any" in both families
  require(::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
  return socket;
}

inline TcpSocket listening_socket(int family, int backlog = 128) {
  TcpSocket socket = bound_socket(family);
  require(::listen(socket.fd(), backlog) == 0, "listen");
  return socket;
}

// A socket of that family connected to the listener on its loopback address; `mapped` makes an AF_INET6 one speak IPv4.
inline TcpSocket connected_socket(int family, const TcpSocket& listener, bool mapped = false) {
  sockaddr_in6 bound{};
  socklen_t length = sizeof bound;
  require(::getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&bound), &length) == 0, "getsockname");
  sockaddr_storage target{};
  target.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(target);
    v4.sin_port = bound.sin6_port;  // at the same place in both
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(target);
    v6.sin6_port = bound.sin6_port;
    v6.sin6_addr = in6addr_loopback;
    if (mapped) {
      v6.sin6_addr = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}}};
    }
  }
  TcpSocket socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&target), sizeof target) == 0, "connect");
  return socket;
}

inline TcpSocket accepted_socket(const TcpSocket& listener) {
  return TcpSocket(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
}

// Runs `body` in a thread with a new network namespace and loopback up; its exception arrives here. Make no test
// assertion inside. False, with a warning, when the caller is not root: the namespace cannot be made then.
template <typename Body>
bool in_fresh_namespace(Body&& body) {
  if (::geteuid() != 0) {
    WARN("not root: no network namespace can be made, exact counts are not tested");
    return false;
  }
  std::exception_ptr failure;
  std::thread([&] {
    try {
      require(::unshare(CLONE_NEWNET) == 0, "unshare");
      const TcpSocket any(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      ifreq request{};
      std::strcpy(request.ifr_name, "lo");
      request.ifr_flags = IFF_UP | IFF_RUNNING;
      require(::ioctl(any.fd(), SIOCSIFFLAGS, &request) == 0, "bring lo up");
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) {
    std::rethrow_exception(failure);
  }
  return true;
}

}  // namespace tcpperf::test

#include "support/traffic.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "support/socket_address.h"

namespace tcpperf::test {

namespace {

constexpr std::size_t kChunkBytes = 65536;

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

void check(int result, const char* what) {
  if (result < 0) {
    fail(what);
  }
}

// EAGAIN of a blocking socket with a timeout means that the timeout has passed.
std::size_t read_some(const Socket& socket, char* buffer, std::size_t length) {
  const ssize_t got = ::recv(socket.get(), buffer, length, 0);
  if (got < 0) {
    fail("recv");
  }
  return static_cast<std::size_t>(got);
}

int wait_for_connection(const Socket& socket, std::chrono::milliseconds timeout) {
  pollfd waiting{socket.get(), POLLOUT, 0};
  const int ready = ::poll(&waiting, 1, static_cast<int>(timeout.count()));
  check(ready, "poll");
  if (ready == 0) {
    return ETIMEDOUT;
  }
  int error = 0;
  socklen_t length = sizeof error;
  check(::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length), "SO_ERROR");
  return error;
}

void make_blocking_with_patience(const Socket& socket) {
  const int flags = ::fcntl(socket.get(), F_GETFL);
  check(::fcntl(socket.get(), F_SETFL, flags & ~O_NONBLOCK), "F_SETFL");
  const timeval patience{kPatience.count(), 0};
  check(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "SO_RCVTIMEO");
  check(::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), "SO_SNDTIMEO");
}

}  // namespace

ConnectResult connect(const Side& from, Family family, const std::string& address, std::uint16_t port,
                      std::chrono::milliseconds timeout) {
  const SocketAddress target = socket_address(family, address, port);
  ConnectResult result;
  result.socket = in_namespace(from, [&] {
    Socket socket(::socket(target.domain(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    check(socket.get(), "socket");
    return socket;
  });
  if (::connect(result.socket.get(), target.get(), target.length) != 0) {
    result.error = errno == EINPROGRESS ? wait_for_connection(result.socket, timeout) : errno;
  }
  if (result.connected()) {
    make_blocking_with_patience(result.socket);
  } else {
    result.socket.close();
  }
  return result;
}

Socket connect_to(const Side& from, const Side& to, Family family, std::uint16_t port) {
  ConnectResult result = connect(from, family, to.address(family), port);
  if (!result.connected()) {
    throw std::runtime_error("connect to " + to.address(family) + ": " + std::strerror(result.error));
  }
  return std::move(result.socket);
}

void transfer(const Socket& socket, std::uint64_t bytes) {
  const std::vector<char> chunk(kChunkBytes, 'x');
  while (bytes > 0) {
    const std::size_t length = std::min<std::uint64_t>(bytes, chunk.size());
    const ssize_t sent = ::send(socket.get(), chunk.data(), length, MSG_NOSIGNAL);
    if (sent < 0) {
      fail("send");
    }
    bytes -= static_cast<std::uint64_t>(sent);
  }
}

void request_response(const Socket& socket, std::uint64_t rounds, std::uint64_t request_bytes) {
  std::vector<char> buffer(kChunkBytes);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    transfer(socket, request_bytes);
    for (std::uint64_t missing = request_bytes; missing > 0;) {
      const std::size_t got = read_some(socket, buffer.data(), std::min<std::uint64_t>(missing, buffer.size()));
      if (got == 0) {
        throw std::runtime_error("the peer closed before its response was complete");
      }
      missing -= got;
    }
  }
}

std::uint64_t receive_to_end(const Socket& socket) {
  std::vector<char> buffer(kChunkBytes);
  std::uint64_t total = 0;
  while (const std::size_t got = read_some(socket, buffer.data(), buffer.size())) {
    total += got;
  }
  return total;
}

void half_close(const Socket& socket) {
  check(::shutdown(socket.get(), SHUT_WR), "shutdown");
}

void reset(Socket& socket) {
  const linger at_once{1, 0};
  check(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), "SO_LINGER");
  socket.close();
}

void close_actively(Socket& socket) {
  half_close(socket);
  receive_to_end(socket);
  socket.close();
}

std::uint16_t local_port(const Socket& socket) {
  return port_of(socket);
}

}  // namespace tcpperf::test

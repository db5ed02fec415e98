// The client's side of a known workload.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "support/network_pair.h"
#include "support/socket.h"

namespace tcpperf::test {

// No call on a socket from connect() waits longer than this for its peer; it throws instead.
inline constexpr std::chrono::seconds kPatience{30};

struct ConnectResult {
  Socket socket;  // connected and blocking, or empty
  int error = 0;  // errno of the failed connect, ETIMEDOUT also when `timeout` passed; 0 with a socket

  [[nodiscard]] bool connected() const { return error == 0; }
};

// Connects from inside `from`. `address` must be of the socket's family: Side::address(family) of the other side.
// Only the connection's own failure is a result; anything else (no such namespace, no descriptor left) throws.
ConnectResult connect(const Side& from, Family family, const std::string& address, std::uint16_t port,
                      std::chrono::milliseconds timeout = kPatience);

// The same to `to`, for tests where a failure is a mistake of the test: throws std::runtime_error.
Socket connect_to(const Side& from, const Side& to, Family family, std::uint16_t port);

// Sends that many bytes; returns when the kernel has taken them, not when they have arrived.
void transfer(const Socket& socket, std::uint64_t bytes);

// `rounds` times: sends `request_bytes` and waits for as many from an echoing server.
void request_response(const Socket& socket, std::uint64_t rounds, std::uint64_t request_bytes = 1);

// Reads to the end of the stream; the number of bytes read. A reset by the peer throws.
std::uint64_t receive_to_end(const Socket& socket);

// Sends FIN, keeps reading possible.
void half_close(const Socket& socket);

// Closes with RST instead of FIN, unsent data discarded.
void reset(Socket& socket);

// half_close(), read to the end, close: returns when the peer has closed its direction too, this side goes to
// TIME_WAIT.
void close_actively(Socket& socket);

std::uint16_t local_port(const Socket& socket);

}  // namespace tcpperf::test

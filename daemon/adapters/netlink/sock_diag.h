// Asking the kernel for its TCP sockets.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "adapters/netlink/sock_diag_dump.h"
#include "adapters/netlink/tcp_states.h"
#include "core/base/result.h"

struct mnl_socket;

namespace tcpperf::adapters {

// A netlink socket for sock_diag dumps. It asks about the network namespace in which it was opened, whichever the
// calling thread is in. Needs no privilege. One thread at a time. Move-only; a moved-from object may only be destroyed
// or assigned to.
//
// Cost: COST
class SockDiag {
 public:
  // `patience` bounds one count_tcp_states(): the kernel's answer is waited for no longer.
  static core::Result<SockDiag> open(std::chrono::milliseconds patience = std::chrono::seconds(2));

  // All TCP sockets of the namespace, IPv4 and IPv6 (an IPv4-mapped one counts once). The kernel walks its tables while
  // traffic goes on: a socket that changes its state meanwhile may be missed or counted twice. A dump that the kernel
  // itself calls interrupted is made once more, then it is an error. After any error the next call opens a new socket,
  // in the namespace that the calling thread is in then.
  core::Result<TcpStateCounts> count_tcp_states();

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };

  explicit SockDiag(std::chrono::milliseconds patience) : patience_(patience) {}
  core::Result<void> connect();
  core::Result<TcpStateCounts> count_once(std::chrono::steady_clock::time_point deadline, bool& interrupted);
  core::Result<Dump> dump(std::uint8_t family, std::chrono::steady_clock::time_point deadline);

  std::unique_ptr<mnl_socket, Close> socket_;  // null after an error
  std::chrono::milliseconds patience_;
  std::uint32_t sequence_ = 0;
};

// Opens, counts and closes: the sockets of the calling thread's network namespace.
core::Result<TcpStateCounts> count_tcp_states();

}  // namespace tcpperf::adapters

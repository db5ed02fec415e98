#include "adapters/netlink/sock_diag.h"

#include <array>
#include <cerrno>
#include <cstddef>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tcpperf::adapters {

namespace {

// Bits 1 to 12. Bit 13 would make kernels from 6.8 on walk the table of bound ports, too, for sockets that do nothing.
constexpr std::uint32_t kAllStates = 0x1ffe;

}  // namespace

void SockDiag::Close::operator()(mnl_socket* socket) const {
  ::mnl_socket_close(socket);
}

core::Result<SockDiag> SockDiag::open() {
  SockDiag opened;
  const auto connected = opened.connect();
  if (!connected) {
    return connected.error();
  }
  return opened;
}

core::Result<void> SockDiag::connect() {
  socket_.reset(::mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket_) {
    return core::Error::from_errno("open a sock_diag netlink socket", errno);
  }
  if (::mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) != 0) {
    const int err = errno;
    socket_.reset();
    return core::Error::from_errno("bind a sock_diag netlink socket", err);
  }
  return {};
}

core::Result<Dump> SockDiag::dump(std::uint8_t family, std::chrono::steady_clock::time_point deadline) {
  alignas(nlmsghdr) std::array<std::byte, MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(inet_diag_req_v2))> message{};
  nlmsghdr* const header = ::mnl_nlmsg_put_header(message.data());
  header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header->nlmsg_seq = ++sequence_;
  auto* const request = static_cast<inet_diag_req_v2*>(::mnl_nlmsg_put_extra_header(header, sizeof(inet_diag_req_v2)));
  request->sdiag_family = family;
  request->sdiag_protocol = IPPROTO_TCP;
  request->idiag_states = kAllStates;
  if (::mnl_socket_sendto(socket_.get(), header, header->nlmsg_len) < 0) {
    return core::Error::from_errno("sock_diag: request", errno);
  }
  return read_dump(::mnl_socket_get_fd(socket_.get()), {sequence_, ::mnl_socket_get_portid(socket_.get())}, deadline);
}

core::Result<TcpStateCounts> SockDiag::count_once(std::chrono::steady_clock::time_point deadline, bool& interrupted) {
  TcpStateCounts sum{};
  for (const int family : {AF_INET, AF_INET6}) {
    const auto part = dump(static_cast<std::uint8_t>(family), deadline);
    if (!part) {
      return part.error();
    }
    interrupted = interrupted || part->interrupted;
    for (std::size_t state = 0; state < sum.size(); ++state) {
      sum[state] += part->counts[state];
    }
  }
  return sum;
}

core::Result<TcpStateCounts> SockDiag::count_tcp_states(std::chrono::milliseconds patience) {
  if (!socket_) {
    auto connected = connect();
    if (!connected) {
      return connected.error();
    }
  }
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (int attempt = 0; attempt < 2; ++attempt) {
    bool interrupted = false;
    auto counts = count_once(deadline, interrupted);
    if (!counts) {
      // What is left of the answer would be in the way of the next one.
      socket_.reset();
      return counts;
    }
    if (!interrupted) {
      return counts;
    }
  }
  return core::Error{"sock_diag: the kernel's socket tables changed during two dumps in a row", EINTR};
}

core::Result<TcpStateCounts> count_tcp_states(std::chrono::milliseconds patience) {
  auto diag = SockDiag::open();
  if (!diag) {
    return diag.error();
  }
  return diag->count_tcp_states(patience);
}

}  // namespace tcpperf::adapters

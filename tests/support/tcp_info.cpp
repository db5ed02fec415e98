#include "support/tcp_info.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tcpperf::test {

// The kernel's header and ours must place the same fields alike; a shift anywhere shows in the last ones of each part.
static_assert(offsetof(TcpInfo, tcpi_rtt) == offsetof(::tcp_info, tcpi_rtt));
static_assert(offsetof(TcpInfo, tcpi_total_retrans) == offsetof(::tcp_info, tcpi_total_retrans));
static_assert(offsetof(TcpInfo, tcpi_data_segs_out) == offsetof(::tcp_info, tcpi_data_segs_out));
static_assert(offsetof(TcpInfo, tcpi_bytes_retrans) == offsetof(::tcp_info, tcpi_bytes_retrans));
static_assert(offsetof(TcpInfo, tcpi_snd_wnd) == offsetof(::tcp_info, tcpi_snd_wnd));

TcpInfo tcp_info(const Socket& socket) {
  TcpInfo info;
  socklen_t length = sizeof info;
  if (::getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
    throw std::runtime_error(std::string("TCP_INFO: ") + std::strerror(errno));
  }
  return info;
}

}  // namespace tcpperf::test

// The kernel's own account of one TCP connection.
#pragma once

#include <cstdint>

#include "support/socket.h"

namespace tcpperf::test {

// What getsockopt(TCP_INFO) fills in: the kernel's layout and field names up to Linux 6.7, declared here because the
// system headers of a distribution are older than its kernel, and because <linux/tcp.h> and <netinet/tcp.h> exclude
// each other. A field that the running kernel does not know stays 0. Times are in microseconds except the
// last_*, ato and rto_time ones noted below.
struct TcpInfo {
  std::uint8_t tcpi_state = 0;
  std::uint8_t tcpi_ca_state = 0;
  std::uint8_t tcpi_retransmits = 0;
  std::uint8_t tcpi_probes = 0;
  std::uint8_t tcpi_backoff = 0;
  std::uint8_t tcpi_options = 0;
  std::uint8_t tcpi_snd_wscale : 4 = 0;
  std::uint8_t tcpi_rcv_wscale : 4 = 0;
  std::uint8_t tcpi_delivery_rate_app_limited : 1 = 0;
  std::uint8_t tcpi_fastopen_client_fail : 2 = 0;
  std::uint32_t tcpi_rto = 0;
  std::uint32_t tcpi_ato = 0;
  std::uint32_t tcpi_snd_mss = 0;  // bytes
  std::uint32_t tcpi_rcv_mss = 0;  // bytes
  std::uint32_t tcpi_unacked = 0;  // segments
  std::uint32_t tcpi_sacked = 0;
  std::uint32_t tcpi_lost = 0;
  std::uint32_t tcpi_retrans = 0;
  std::uint32_t tcpi_fackets = 0;
  std::uint32_t tcpi_last_data_sent = 0;  // milliseconds ago, as the three below
  std::uint32_t tcpi_last_ack_sent = 0;   // the kernel never sets it
  std::uint32_t tcpi_last_data_recv = 0;
  std::uint32_t tcpi_last_ack_recv = 0;
  std::uint32_t tcpi_pmtu = 0;
  std::uint32_t tcpi_rcv_ssthresh = 0;
  std::uint32_t tcpi_rtt = 0;           // smoothed
  std::uint32_t tcpi_rttvar = 0;        // medium deviation
  std::uint32_t tcpi_snd_ssthresh = 0;  // segments
  std::uint32_t tcpi_snd_cwnd = 0;      // segments
  std::uint32_t tcpi_advmss = 0;
  std::uint32_t tcpi_reordering = 0;
  std::uint32_t tcpi_rcv_rtt = 0;
  std::uint32_t tcpi_rcv_space = 0;
  std::uint32_t tcpi_total_retrans = 0;  // segments, SYN included
  std::uint64_t tcpi_pacing_rate = 0;    // bytes/s
  std::uint64_t tcpi_max_pacing_rate = 0;
  std::uint64_t tcpi_bytes_acked = 0;
  std::uint64_t tcpi_bytes_received = 0;
  std::uint32_t tcpi_segs_out = 0;
  std::uint32_t tcpi_segs_in = 0;
  std::uint32_t tcpi_notsent_bytes = 0;
  std::uint32_t tcpi_min_rtt = 0;
  std::uint32_t tcpi_data_segs_in = 0;
  std::uint32_t tcpi_data_segs_out = 0;  // retransmissions included
  std::uint64_t tcpi_delivery_rate = 0;
  std::uint64_t tcpi_busy_time = 0;
  std::uint64_t tcpi_rwnd_limited = 0;
  std::uint64_t tcpi_sndbuf_limited = 0;
  std::uint32_t tcpi_delivered = 0;
  std::uint32_t tcpi_delivered_ce = 0;
  std::uint64_t tcpi_bytes_sent = 0;  // retransmissions included
  std::uint64_t tcpi_bytes_retrans = 0;
  std::uint32_t tcpi_dsack_dups = 0;
  std::uint32_t tcpi_reord_seen = 0;
  std::uint32_t tcpi_rcv_ooopack = 0;
  std::uint32_t tcpi_snd_wnd = 0;
  std::uint32_t tcpi_rcv_wnd = 0;    // 6.2
  std::uint32_t tcpi_rehash = 0;     // 6.2
  std::uint16_t tcpi_total_rto = 0;  // 6.7: timeouts, all
  std::uint16_t tcpi_total_rto_recoveries = 0;
  std::uint32_t tcpi_total_rto_time = 0;  // milliseconds
};

// Throws std::runtime_error. Also works on a connection that the peer has closed, as long as the socket is open.
TcpInfo tcp_info(const Socket& socket);

}  // namespace tcpperf::test

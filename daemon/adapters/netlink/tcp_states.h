// How many TCP sockets are in each state.
#pragma once

#include <array>
#include <cstdint>

namespace tcpperf::adapters {

// Sockets by the kernel's state number: 1 ESTABLISHED, 2 SYN_SENT, 3 SYN_RECV, 4 FIN_WAIT1, 5 FIN_WAIT2, 6 TIME_WAIT,
// 7 CLOSE, 8 CLOSE_WAIT, 9 LAST_ACK, 10 LISTEN, 11 CLOSING, 12 NEW_SYN_RECV. Index 0 holds sockets whose state this
// program does not know.
//
// What sock_diag makes of the states:
// - A connection request that waits for the handshake's last ACK (inside the kernel NEW_SYN_RECV) is reported as
//   SYN_RECV, so 12 stays 0 and 3 is the length of all SYN queues. With SYN cookies there is nothing to report.
// - An orphan in FIN_WAIT2 is soon replaced by the small object that also serves TIME_WAIT; it is reported as FIN_WAIT2
//   all the same.
// - Completed connections that no one has accepted yet are ESTABLISHED (or CLOSE_WAIT).
// - A socket that is neither connected nor listening is in CLOSE and in no table of the kernel: it is not reported, and
// 7
//   stays 0 but for a socket caught in the act of closing.
using TcpStateCounts = std::array<std::uint64_t, 13>;

}  // namespace tcpperf::adapters

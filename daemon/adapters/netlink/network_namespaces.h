// The TCP sockets of all network namespaces of the host.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "adapters/netlink/tcp_states.h"
#include "core/base/result.h"

namespace tcpperf::adapters {

// Where namespaces are looked for.
struct NamespaceSources {
  std::string processes = "/proc";   // <pid>/ns/net of every process
  std::string named = "/run/netns";  // what `ip netns` keeps; may be missing
};

struct NamespaceCounts {
  TcpStateCounts sockets{};             // sum over all namespaces that could be counted
  std::uint32_t namespaces_seen = 0;    // different ones, the caller's included, failed ones too
  std::uint32_t namespaces_failed = 0;  // of these, not entered or not dumped: not in the sum
  // Processes whose namespace could not be looked up (no CAP_SYS_PTRACE over them): what only they are in is not seen.
  std::uint32_t processes_unreadable = 0;
  // Without CAP_SYS_ADMIN: the sum is the caller's namespace alone, and no other was looked for.
  bool own_namespace_only = false;
};

// Counts the TCP sockets of the caller's network namespace and of all that a process is in or that have a name. Not
// seen: namespaces held only by an open descriptor, by a socket, or by a thread other than a process's first. An error
// when not even the caller's own can be counted. Works in a thread of its own that ends before the return, so the
// caller's threads stay where they are; blocks meanwhile. Namespaces whose turn comes after `patience` count as failed.
// Any thread.
//
// Cost, besides the sockets (see SockDiag): about 10 us for each process and 1 ms for each namespace; 34 ms were
// measured with 1,100 processes and 23 namespaces.
core::Result<NamespaceCounts> count_all_namespaces(const NamespaceSources& sources = {},
                                                   std::chrono::milliseconds patience = std::chrono::seconds(2));

}  // namespace tcpperf::adapters

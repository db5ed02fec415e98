// All network namespaces of the host, and the TCP sockets in them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "adapters/netlink/tcp_states.h"
#include "core/base/result.h"

namespace tcpperf::adapters {

// Where namespaces are looked for.
struct NamespaceSources {
  std::string processes = "/proc";   // <pid>/ns/net of every process
  std::string named = "/run/netns";  // what `ip netns` keeps; may be missing
};

struct NamespaceVisits {
  std::uint32_t namespaces_seen = 0;    // different ones, the caller's included, failed ones too
  std::uint32_t namespaces_failed = 0;  // of these, not entered, or their visit failed
  // Processes whose namespace could not be looked up (no CAP_SYS_PTRACE over them): what only they are in is not seen.
  std::uint32_t processes_unreadable = 0;
  // Without CAP_SYS_ADMIN: the caller's namespace alone was visited, and no other was looked for.
  bool own_namespace_only = false;
};

// What is done in a namespace, by a thread that is in it.
using NamespaceVisit = std::function<core::Result<void>()>;

// Calls `visit` in the caller's network namespace and in all that a process is in or that have a name. Not seen:
// namespaces held only by an open descriptor, by a socket, or by a thread other than a process's first. An error when
// the first visit, to the caller's own, fails. Works in a thread of its own that ends before the return, so the
// caller's threads stay where they are; blocks meanwhile. Any thread.
core::Result<NamespaceVisits> visit_all_namespaces(const NamespaceVisit& visit, const NamespaceSources& sources = {});

struct NamespaceCounts : NamespaceVisits {
  TcpStateCounts sockets{};  // sum over all namespaces that could be counted
};

// Counts the TCP sockets of all these namespaces. Those whose turn comes after `patience` count as failed.
//
// Cost, besides the sockets (see SockDiag): about 10 us for each process and 1 ms for each namespace; 34 ms were
// measured with 1,100 processes and 23 namespaces.
core::Result<NamespaceCounts> count_all_namespaces(const NamespaceSources& sources = {},
                                                   std::chrono::milliseconds patience = std::chrono::seconds(2));

}  // namespace tcpperf::adapters

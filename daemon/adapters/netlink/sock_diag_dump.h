// The answer to a sock_diag dump: from bytes to counts. Internal to this adapter; public for its tests.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "adapters/netlink/tcp_states.h"
#include "core/base/result.h"

namespace tcpperf::adapters {

// Which request the answer belongs to.
struct DumpId {
  std::uint32_t sequence = 0;
  std::uint32_t port_id = 0;  // of the requesting netlink socket
};

struct Dump {
  TcpStateCounts counts{};
  bool complete = false;     // the closing message has been seen
  bool interrupted = false;  // the kernel says that its tables changed in a way that may have cost entries
};

// Adds the sockets of one received datagram to `dump`. Messages of other requests are skipped. Never reads outside
// `bytes`, needs no alignment, accepts any content; a malformed message is an error, and so is an error that the kernel
// reports (system_errno is set then). What stood before the error has been counted.
core::Result<void> parse_dump(std::span<const std::byte> bytes, const DumpId& id, Dump& dump);

// Receives from the non-blocking datagram socket `fd` until the dump is complete. An error when that has not happened
// at `deadline`, whatever arrives in the meantime; the rest of the answer may still be on its way then.
core::Result<Dump> read_dump(int fd, const DumpId& id, std::chrono::steady_clock::time_point deadline);

}  // namespace tcpperf::adapters

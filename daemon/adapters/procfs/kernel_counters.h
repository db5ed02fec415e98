// The kernel's own TCP counters of this process's network namespace, and the memory that TCP takes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace tcpperf::adapters {

// Of the text of /proc/net/snmp or /proc/net/netstat: fills in the counters it has, named as nstat names them
// ("TcpActiveOpens", "TcpExtListenDrops"), and leaves the others alone. Precondition: as many values as names.
core::Result<void> parse_kernel_counters(std::string_view text, std::span<const std::string_view> names,
                                         std::span<std::optional<std::uint64_t>> values);
// Pages of memory, from the text of /proc/net/sockstat.
core::Result<std::uint64_t> parse_tcp_memory(std::string_view text);
// Of the text of /proc/sys/net/ipv4/tcp_mem, in pages: low, pressure, high.
core::Result<std::array<std::uint64_t, 3>> parse_tcp_memory_limits(std::string_view text);

// One value per name; none where this kernel has no such counter. `root`: where proc is mounted.
core::Result<std::vector<std::optional<std::uint64_t>>> read_kernel_counters(std::span<const std::string_view> names,
                                                                             const std::string& root = "/proc");

struct TcpMemory {
  std::uint64_t bytes = 0;                               // of all network namespaces
  std::optional<std::array<std::uint64_t, 3>> limits{};  // bytes; only the host's first network namespace shows them
};
core::Result<TcpMemory> read_tcp_memory(const std::string& root = "/proc");

// The inode number of this process's network namespace.
core::Result<std::uint32_t> own_network_namespace(const std::string& root = "/proc");

}  // namespace tcpperf::adapters

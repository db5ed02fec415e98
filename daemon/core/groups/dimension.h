// What connections can be told apart by. A dimension's name is its word in the configuration and its label.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "abi/groups.h"
#include "core/base/result.h"

namespace tcpperf::core {

enum class Dimension : std::uint8_t {
  kLocalIp = TCPPERF_BY_LOCAL_IP,
  kRemoteIp = TCPPERF_BY_REMOTE_IP,
  kRemotePrefix = TCPPERF_BY_REMOTE_PREFIX,
  kLocalPort = TCPPERF_BY_LOCAL_PORT,
  kRemotePort = TCPPERF_BY_REMOTE_PORT,
  kServicePort = TCPPERF_BY_SERVICE_PORT,
  kProcess = TCPPERF_BY_PROCESS,
  kPid = TCPPERF_BY_PID,
  kCgroup = TCPPERF_BY_CGROUP,
  kInterface = TCPPERF_BY_INTERFACE,
  kNetns = TCPPERF_BY_NETNS,
  kRole = TCPPERF_BY_ROLE,
  kCongestionControl = TCPPERF_BY_CONGESTION_CONTROL,
  kFamily = TCPPERF_BY_FAMILY,
};

// "local_ip", "remote_prefix", ...
std::string_view to_string(Dimension dimension);
std::optional<Dimension> dimension_of(std::string_view name);
// All names, in the order of the enumerators.
std::vector<std::string_view> dimension_names();

// Sorted, each dimension once. Empty: not grouped.
using GroupBy = std::vector<Dimension>;

// Sorts. Error for a dimension given twice, and for remote_ip together with remote_prefix, which it includes.
Result<GroupBy> make_group_by(std::vector<Dimension> dimensions);

// "service_port,role"; empty when not grouped.
std::string to_string(const GroupBy& by);

// Bit per dimension, as the BPF programs want it.
std::uint16_t to_mask(const GroupBy& by);

}  // namespace tcpperf::core

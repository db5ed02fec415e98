// Who listens on a port. Internal to this adapter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

namespace tcpperf::adapters::http {

struct PortOwner {
  std::string name;  // as in /proc/PID/comm
  pid_t pid = 0;
};

// A process of this network namespace that holds a listening TCP socket on `port`. Best effort: nullopt without the
// right to look into the process that has it.
std::optional<PortOwner> find_port_owner(std::uint16_t port);

}  // namespace tcpperf::adapters::http

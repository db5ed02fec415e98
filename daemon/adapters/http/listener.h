// Listening sockets. Internal to this adapter.
#pragma once

#include <optional>
#include <string>

#include "adapters/http/listen_address.h"
#include "adapters/http/port_owner.h"
#include "adapters/http/unique_fd.h"

namespace tcpperf::adapters::http {

struct Listener {
  UniqueFd fd;            // listening, non-blocking, closed on exec
  ListenAddress address;  // with the port the kernel chose; a name replaced by the address it stood for
};

// An empty host listens on all addresses of both families with one socket, or of IPv4 alone on a host without IPv6. A
// name that stands for several addresses means the first IPv4 address, or else the first. The error of a taken port
// names its likely owner where that can be seen.
core::Result<Listener> listen_on(const ListenAddress& address);

// A listening socket that somebody else has opened. One of a family without ports has its path as the host.
core::Result<Listener> adopt_listener(UniqueFd fd);

// The error of a port that is taken.
std::string taken_port_message(const ListenAddress& wanted, const std::optional<PortOwner>& owner);

}  // namespace tcpperf::adapters::http

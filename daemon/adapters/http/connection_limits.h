// How many connections are open, in all and per client. Internal to this adapter.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>

#include <sys/socket.h>

namespace tcpperf::adapters::http {

// One client: an IPv4 address, or the /64 network of an IPv6 address, as one host usually owns all of it.
using ClientKey = std::array<std::uint8_t, 16>;
ClientKey client_key(const sockaddr* address);

// Thread-safe. admits() and opened() are two calls, so servers with several threads may exceed a limit by one each.
class ConnectionLimits {
 public:
  ConnectionLimits(unsigned total, unsigned per_client) : total_(total), per_client_(per_client) {}

  // Whether one more is allowed; counts the refusal if not.
  bool admits(const ClientKey& client);
  void opened(const ClientKey& client);
  void closed(const ClientKey& client);
  [[nodiscard]] std::uint64_t refused() const;

 private:
  const unsigned total_;
  const unsigned per_client_;
  mutable std::mutex mutex_;
  std::map<ClientKey, unsigned> open_by_client_;
  unsigned open_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace tcpperf::adapters::http

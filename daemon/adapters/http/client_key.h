// Who a client is, and which clients belong together. Internal to this adapter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include <sys/socket.h>

namespace tcpperf::adapters::http {

// One client: an IPv4 address, or the /64 network of an IPv6 address, as one host usually owns all of it. ::1 and all
// local sockets (AF_UNIX) are one.
using ClientKey = std::array<std::uint8_t, 16>;
ClientKey client_key(const sockaddr* address);

// The neighbours that one owner can easily have: an IPv4 /24, an IPv6 /48, and everything on this host (127.0.0.0/8,
// ::1 and local sockets).
ClientKey network_of(const ClientKey& client);

// The clients that something was true of last: a bounded memory, in which no network displaces others. Not thread-safe.
class RecentClients {
 public:
  // At most `most` clients, and `most_of_network` of one network.
  RecentClients(std::size_t most, std::size_t most_of_network) : most_(most), most_of_network_(most_of_network) {}

  void remember(const ClientKey& client);
  void forget(const ClientKey& client);
  [[nodiscard]] bool has(const ClientKey& client) const { return turns_.contains(client); }

 private:
  // Of a network the one that was remembered longest ago; null: of all.
  void forget_oldest(const ClientKey* network);

  std::size_t most_;
  std::size_t most_of_network_;
  std::map<ClientKey, std::uint64_t> turns_;     // when last, in calls of remember()
  std::map<ClientKey, std::size_t> of_network_;  // how many of each
  std::uint64_t turn_ = 0;
};

}  // namespace tcpperf::adapters::http

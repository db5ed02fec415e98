// The open connections: how many there may be, and who has to go when there are too many. Internal to this adapter.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>

#include <sys/socket.h>

namespace tcpperf::adapters::http {

// One client: an IPv4 address, or the /64 network of an IPv6 address, as one host usually owns all of it. All local
// sockets (AF_UNIX) are one.
using ClientKey = std::array<std::uint8_t, 16>;
ClientKey client_key(const sockaddr* address);

// What a connection waits for.
enum class Waiting {
  kForRequest,  // for the client: its handshake, its head, its next request
  kForUs,       // for a page or the check of a password
  kForReader,   // for the client to read the response
};

// Thread-safe. A connection is known by its socket, from admit() until closed(), which comes before the socket is
// closed; a socket that is admitted again has been closed by somebody who could not say so.
//
// A client that keeps many connections waiting must not shut others out. So a new connection that finds all places
// taken takes the place of the one that has kept us waiting the longest: of the same client where that has all it may
// have, and of the client with the most connections where the server has. A connection is safe for a while after its
// last step, and always while it waits for us.
class Connections {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kSafeForRequest{2};
  static constexpr std::chrono::seconds kSafeForReader{10};

  Connections(unsigned total, unsigned per_client) : total_(total), per_client_(per_client) {}

  // Whether one more is allowed; counts the refusal if not. May shut another connection down, which counts for no limit
  // from then on.
  bool admit(int socket, const ClientKey& client, Time now);
  void step(int socket, Waiting waiting, Time now);
  void closed(int socket);

  [[nodiscard]] std::uint64_t refused() const;
  [[nodiscard]] std::uint64_t evicted() const;

 private:
  struct Entry {
    ClientKey client{};
    Waiting waiting = Waiting::kForRequest;
    Time since;
    bool evicted = false;
  };
  using Entries = std::map<int, Entry>;

  bool make_room(const ClientKey& client, Time now);
  // The one to go: of `only` if that is not null. `any_request`: those that wait for a request are not safe at all.
  Entries::iterator longest_waiting(const ClientKey* only, bool any_request, Time now);
  [[nodiscard]] unsigned open_of(const ClientKey& client) const;
  void forget(const ClientKey& client);
  void closed_locked(int socket);
  void evict(Entries::iterator victim);

  const unsigned total_;
  const unsigned per_client_;
  mutable std::mutex mutex_;
  Entries entries_;  // by socket; those evicted too, until they are closed
  std::map<ClientKey, unsigned> open_by_client_;
  unsigned open_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace tcpperf::adapters::http

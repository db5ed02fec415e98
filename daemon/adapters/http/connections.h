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

// Whether the client has closed its side.
bool hung_up(int socket);

// What a connection waits for.
enum class Waiting {
  kForRequest,      // for the client: its handshake, its head
  kForUs,           // for a page or the check of a password
  kForReader,       // for the client to read the response
  kForNextRequest,  // for the client, after a complete answer
};

// Thread-safe. A connection is known by its socket, from admit() until closed(), which comes before the socket is
// closed; a socket that is admitted again has been closed by somebody who could not say so.
//
// A client that keeps many connections waiting must not shut others out. So a new connection that finds all places
// taken takes the place of the one that has waited the longest:
// - of the same client, where that has all it may have, and only of those that are not safe any more: a connection is
//   safe for a while after its last step, unless its client has hung up, and always while it waits for us. One that has
//   had its answer goes only when all of them have, or who opens others would drive out a scraper between its scrapes;
// - of the client with the most connections, where the server has all it may have and that client more than the new
// one. Who opens connections faster than any scraper is refused before that, as each costs us more than the client.
class Connections {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kSafeForRequest{2};
  static constexpr std::chrono::seconds kSafeForReader{10};

  struct Limits {
    unsigned total = 0;
    unsigned per_client = 0;
    unsigned new_per_client_and_second = 0;
  };
  explicit Connections(const Limits& limits) : limits_(limits) {}

  // Whether one more is allowed; counts the refusal if not. May shut another connection down, which counts for no limit
  // from then on.
  bool admit(int socket, const ClientKey& client, Time now);
  void step(int socket, Waiting waiting, Time now);
  void closed(int socket);

  // Once after a crowd has gone: what it took may be given back.
  bool crowd_has_gone();

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

  bool opens_too_many(const ClientKey& client, Time now);
  bool make_room(const ClientKey& client, Time now);
  void evict_hung_up(const ClientKey& client);
  // Of a client's connections the one that has waited the longest; null: of all clients'.
  Entries::iterator longest_waiting(const ClientKey* only, bool also_safe, Time now);
  [[nodiscard]] unsigned open_of(const ClientKey& client) const;
  void forget(const ClientKey& client);
  void closed_locked(int socket);
  void evict(Entries::iterator victim);

  const Limits limits_;
  mutable std::mutex mutex_;
  Entries entries_;  // by socket; those evicted too, until they are closed
  std::map<ClientKey, unsigned> open_by_client_;
  std::map<ClientKey, unsigned> opened_by_client_;  // since second_begins_
  Time second_begins_;
  unsigned open_ = 0;
  unsigned most_open_ = 0;  // since the last crowd
  std::uint64_t refused_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace tcpperf::adapters::http

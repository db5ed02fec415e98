// The open connections: how many there may be, and who has to go when there are too many. Internal to this adapter.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "adapters/http/client_key.h"

namespace tcpperf::adapters::http {

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
// Who comes gets in, at the cost of another where all places are taken:
// - of the same client, where that has all it may have;
// - else of the network with the most connections, if these are more than kFew and more than the newcomer's network
//   would have, and therein of the client with the most, if that has more than kOfClient and more than the newcomer
//   would have; if nobody is so greedy, of anybody.
// Of these goes who never had an answer, the longest waiting first: a scraper sends its request at once, so it has it
// before its turn comes. Then who reads one for longer than kSafeForReader, then who is kept between two requests, then
// other readers; who waits for us only if it is greedy, or for a client that was answered lately. Such a client, with
// no more than kOfClient connections, loses none to one that was not. Who opens connections faster than any scraper is
// refused before that, as each costs us more than the client.
class Connections {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kSafeForReader{10};
  static constexpr std::chrono::seconds kSafeBody{5};
  static constexpr unsigned kFew = 8;
  static constexpr unsigned kOfClient = 4;

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
  // The client has been given what it asked for.
  void served(int socket);
  void closed(int socket);

  // Shuts some down as if for newcomers, because there are no descriptors left; false if there was none to shut down.
  bool give_up_some(Time now);

  // The body that this connection will be sent. Several may be sent one.
  void carries(int socket, const void* body, std::size_t bytes);
  // Shuts readers down until `bytes` are free, or there is none who may go: first those of a client that leaves more
  // than `share` unread, the longest reading first, then others that have read for longer than kSafeBody.
  void free_bodies(std::size_t bytes, std::size_t share, Time now);

  // Once after a crowd has gone: what it took may be given back.
  bool crowd_has_gone();

  [[nodiscard]] std::uint64_t refused() const;
  [[nodiscard]] std::uint64_t evicted() const;

 private:
  struct Entry {
    ClientKey client{};
    Waiting waiting = Waiting::kForRequest;
    Time since;                // for a first request: since the connection was opened
    std::uint64_t cookie = 0;  // of the socket: tells it from a later one with the same number
    bool answered = false;
    bool evicted = false;
    const void* body = nullptr;
    std::size_t body_bytes = 0;
  };
  using Entries = std::map<int, Entry>;
  // Who may have to go.
  struct Scope {
    const ClientKey* network = nullptr;  // null: of any
    const ClientKey* client = nullptr;   // null: any
    bool also_ours = false;              // even who waits for us
    bool spare_protected = false;
  };

  bool opens_too_many(const ClientKey& client, Time now);
  bool make_room(const ClientKey& client, Time now);
  bool make_room_among_all(const ClientKey& client, Time now);
  void evict_hung_up(const ClientKey& client);
  // False: there is nobody to evict.
  bool evict_one(const Scope& scope, Time now);
  [[nodiscard]] bool is_protected(const ClientKey& client) const;
  [[nodiscard]] std::optional<ClientKey> greediest_reader(std::size_t share) const;
  // Of one client or all, among those that have read since `before` or longer.
  Entries::iterator longest_reader(const std::optional<ClientKey>& client, Time before);
  [[nodiscard]] unsigned open_of(const ClientKey& client) const;
  void forget(const ClientKey& client);
  void closed_locked(int socket);
  void evict(Entries::iterator victim);

  const Limits limits_;
  mutable std::mutex mutex_;
  Entries entries_;  // by socket; those evicted too, until they are closed
  std::map<ClientKey, unsigned> open_by_client_;
  std::map<ClientKey, unsigned> opened_by_client_;  // since second_begins_
  RecentClients served_{1024, 8};
  Time second_begins_;
  unsigned open_ = 0;
  unsigned most_open_ = 0;  // since the last crowd
  std::uint64_t refused_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace tcpperf::adapters::http

#include "adapters/http/connections.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

namespace tcpperf::adapters::http {
namespace {

// Zero: no such socket.
std::uint64_t cookie_of(int socket) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

using Count = std::pair<ClientKey, unsigned>;

Count most_of(const std::map<ClientKey, unsigned>& counts) {
  const auto most =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? Count() : Count(*most);
}

}  // namespace

bool hung_up(int socket) {
  pollfd asked{socket, POLLRDHUP, 0};
  return poll(&asked, 1, 0) > 0;
}

unsigned Connections::open_of(const ClientKey& client) const {
  const auto found = open_by_client_.find(client);
  return found == open_by_client_.end() ? 0 : found->second;
}

void Connections::forget(const ClientKey& client) {
  const auto found = open_by_client_.find(client);
  if (--found->second == 0) {
    open_by_client_.erase(found);
  }
  --open_;
}

// A socket that its owner has closed without a word is only forgotten: its number may be somebody else's by now.
void Connections::evict(Entries::iterator victim) {
  forget(ClientKey(victim->second.client));
  if (cookie_of(victim->first) != victim->second.cookie) {
    entries_.erase(victim);
    return;
  }
  shutdown(victim->first, SHUT_RDWR);  // its owner sees the end of it, and closes it
  victim->second.evicted = true;
  ++evicted_;
}

bool Connections::is_protected(const ClientKey& client) const {
  return served_.has(client) && open_of(client) <= kOfClient;
}

bool Connections::evict_one(const Scope& scope, Time now) {
  enum { kNeverAnswered, kSlowReader, kKept, kReader, kOurs };
  const auto rank_of = [&](const Entry& entry) {
    switch (entry.waiting) {
      case Waiting::kForRequest: return entry.answered ? kKept : kNeverAnswered;
      case Waiting::kForNextRequest: return kKept;
      case Waiting::kForReader: return now - entry.since >= kSafeForReader ? kSlowReader : kReader;
      case Waiting::kForUs: return kOurs;
    }
    return kOurs;
  };
  const auto order = [&](const Entry& entry) {
    return std::tuple(is_protected(entry.client), rank_of(entry), entry.since);
  };
  auto chosen = entries_.end();
  for (auto each = entries_.begin(); each != entries_.end(); ++each) {
    const Entry& entry = each->second;
    const bool in_scope = (scope.client == nullptr || entry.client == *scope.client) &&
                          (scope.network == nullptr || network_of(entry.client) == *scope.network) &&
                          (scope.also_ours || rank_of(entry) != kOurs) &&
                          !(scope.spare_protected && is_protected(entry.client));
    if (!entry.evicted && in_scope && (chosen == entries_.end() || order(entry) < order(chosen->second))) {
      chosen = each;
    }
  }
  if (chosen == entries_.end()) {
    return false;
  }
  evict(chosen);
  return true;
}

// All at once, so that a crowd of them costs one question each.
void Connections::evict_hung_up(const ClientKey& client) {
  for (auto each = entries_.begin(); each != entries_.end();) {
    const auto next = std::next(each);
    const Entry& entry = each->second;
    const bool for_client = entry.waiting == Waiting::kForRequest || entry.waiting == Waiting::kForNextRequest;
    if (!entry.evicted && entry.client == client && for_client && hung_up(each->first)) {
      evict(each);
    }
    each = next;
  }
}

bool Connections::opens_too_many(const ClientKey& client, Time now) {
  constexpr std::size_t kMostClients = 4096;
  if (now - second_begins_ >= std::chrono::seconds(1)) {
    second_begins_ = now;
    opened_by_client_.clear();
  }
  if (opened_by_client_.size() >= kMostClients && !opened_by_client_.contains(client)) {
    return false;
  }
  return ++opened_by_client_[client] > limits_.new_per_client_and_second;
}

bool Connections::make_room(const ClientKey& client, Time now) {
  if (open_of(client) >= limits_.per_client) {
    evict_hung_up(client);
  }
  if (open_of(client) >= limits_.per_client && !evict_one({.client = &client}, now)) {
    return false;
  }
  return open_ < limits_.total || make_room_among_all(client, now);
}

bool Connections::make_room_among_all(const ClientKey& client, Time now) {
  std::map<ClientKey, unsigned> networks;
  for (const auto& [each, count] : open_by_client_) {
    networks[network_of(each)] += count;
  }
  const ClientKey own = network_of(client);
  const auto [network, of_network] = most_of(networks);
  const bool greedy_network = of_network > std::max(kFew, networks[own] + 1);
  std::map<ClientKey, unsigned> clients;
  for (const auto& [each, count] : open_by_client_) {
    if (!greedy_network || network_of(each) == network) {
      clients[each] = count;
    }
  }
  const auto [greedy, of_client] = most_of(clients);
  const bool greedy_client = of_client > std::max(kOfClient, open_of(client) + 1);
  const ClientKey of_whom = network;
  const ClientKey whose = greedy;
  return evict_one({.network = greedy_network ? &of_whom : nullptr,
                    .client = greedy_client ? &whose : nullptr,
                    .also_ours = greedy_network || greedy_client || served_.has(client),
                    .spare_protected = !greedy_network && !greedy_client && !served_.has(client)},
                   now);
}

bool Connections::give_up_some(Time now) {
  constexpr int kAtOnce = 4;  // a page needs some too
  const std::lock_guard lock(mutex_);
  bool any = false;
  for (int i = 0; i < kAtOnce; ++i) {
    any = evict_one({}, now) || any;
  }
  return any;
}

bool Connections::admit(int socket, const ClientKey& client, Time now) {
  const std::lock_guard lock(mutex_);
  closed_locked(socket);
  if (opens_too_many(client, now) || !make_room(client, now)) {
    ++refused_;
    return false;
  }
  Entry& entry = entries_[socket];
  entry.client = client;
  entry.since = now;
  entry.cookie = cookie_of(socket);
  ++open_by_client_[client];
  ++open_;
  most_open_ = std::max(most_open_, open_);
  return true;
}

void Connections::step(int socket, Waiting waiting, Time now) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(socket);
  if (found == entries_.end()) {
    return;
  }
  Entry& entry = found->second;
  const bool still_first = waiting == Waiting::kForRequest && entry.waiting == waiting && !entry.answered;
  entry.since = still_first ? entry.since : now;
  entry.waiting = waiting;
  entry.answered = entry.answered || waiting == Waiting::kForNextRequest;
  if (waiting == Waiting::kForRequest || waiting == Waiting::kForNextRequest) {
    entry.body = nullptr;
    entry.body_bytes = 0;
  }
}

void Connections::served(int socket) {
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(socket); found != entries_.end()) {
    served_.remember(found->second.client);
  }
}

void Connections::carries(int socket, const void* body, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(socket); found != entries_.end()) {
    found->second.body = body;
    found->second.body_bytes = bytes;
  }
}

// Of the client that leaves most unread, if that is more than `share`.
std::optional<ClientKey> Connections::greediest_reader(std::size_t share) const {
  std::map<ClientKey, std::size_t> unread;
  std::set<std::pair<ClientKey, const void*>> seen;
  for (const auto& [socket, entry] : entries_) {
    if (!entry.evicted && entry.body != nullptr && seen.emplace(entry.client, entry.body).second) {
      unread[entry.client] += entry.body_bytes;
    }
  }
  const auto most =
      std::max_element(unread.begin(), unread.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == unread.end() || most->second <= share ? std::nullopt : std::optional(most->first);
}

Connections::Entries::iterator Connections::longest_reader(const std::optional<ClientKey>& client, Time before) {
  auto chosen = entries_.end();
  for (auto each = entries_.begin(); each != entries_.end(); ++each) {
    const Entry& entry = each->second;
    const bool reads = !entry.evicted && entry.body != nullptr && entry.waiting == Waiting::kForReader;
    if (reads && (!client || entry.client == *client) && entry.since <= before &&
        (chosen == entries_.end() || entry.since < chosen->second.since)) {
      chosen = each;
    }
  }
  return chosen;
}

void Connections::free_bodies(std::size_t bytes, std::size_t share, Time now) {
  const std::lock_guard lock(mutex_);
  // A body is free when the last who is sent it has gone.
  const auto is_read = [this](const void* body) {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const auto& each) { return !each.second.evicted && each.second.body == body; });
  };
  // What those hold who were ended already, and are not gone yet.
  std::map<const void*, std::size_t> going;
  for (const auto& [socket, entry] : entries_) {
    if (entry.evicted && entry.body != nullptr && !is_read(entry.body)) {
      going[entry.body] = entry.body_bytes;
    }
  }
  std::size_t freed = 0;
  for (const auto& [body, size] : going) {
    freed += size;
  }
  while (freed < bytes) {
    const auto greedy = greediest_reader(share);
    auto victim = greedy ? longest_reader(greedy, now) : entries_.end();
    victim = victim == entries_.end() ? longest_reader(std::nullopt, now - kSafeBody) : victim;
    if (victim == entries_.end()) {
      return;
    }
    const void* body = victim->second.body;
    const std::size_t size = victim->second.body_bytes;
    evict(victim);
    freed += is_read(body) ? 0 : size;
  }
}

void Connections::closed(int socket) {
  const std::lock_guard lock(mutex_);
  closed_locked(socket);
}

void Connections::closed_locked(int socket) {
  const auto found = entries_.find(socket);
  if (found == entries_.end()) {
    return;
  }
  if (!found->second.evicted) {
    forget(ClientKey(found->second.client));
  }
  entries_.erase(found);
}

bool Connections::crowd_has_gone() {
  constexpr unsigned kCrowd = 16;
  const std::lock_guard lock(mutex_);
  if (most_open_ < kCrowd || entries_.size() > most_open_ / 8) {
    return false;
  }
  most_open_ = open_;
  return true;
}

std::uint64_t Connections::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

std::uint64_t Connections::evicted() const {
  const std::lock_guard lock(mutex_);
  return evicted_;
}

}  // namespace tcpperf::adapters::http

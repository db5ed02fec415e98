#include "adapters/http/connections.h"

#include <algorithm>
#include <utility>

#include <netinet/in.h>
#include <poll.h>

namespace tcpperf::adapters::http {

bool hung_up(int socket) {
  pollfd asked{socket, POLLRDHUP, 0};
  return poll(&asked, 1, 0) > 0;
}

ClientKey client_key(const sockaddr* address) {
  constexpr std::size_t kNetworkBytes = 8;
  ClientKey key{};
  if (address == nullptr) {
    return key;
  }
  if (address->sa_family == AF_INET) {
    const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(address);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&ipv4->sin_addr);
    key[10] = key[11] = 0xFF;  // as an IPv4-mapped IPv6 address
    std::copy_n(bytes, 4, key.begin() + 12);
  } else if (address->sa_family == AF_INET6) {
    const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(address);
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr);
    std::copy_n(ipv6->sin6_addr.s6_addr, mapped ? key.size() : kNetworkBytes, key.begin());
  }
  return key;
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

void Connections::evict(Entries::iterator victim) {
  shutdown(victim->first, SHUT_RDWR);  // its owner sees the end of it, and closes it
  victim->second.evicted = true;
  forget(victim->second.client);
  ++evicted_;
}

Connections::Entries::iterator Connections::longest_waiting(const ClientKey* only, bool also_safe, Time now) {
  auto chosen = entries_.end();
  bool all_kept = true;
  const auto order = [](const Entry& entry) {
    return std::pair(entry.waiting == Waiting::kForNextRequest, entry.since);
  };
  for (auto each = entries_.begin(); each != entries_.end(); ++each) {
    const Entry& entry = each->second;
    if (entry.evicted || (only != nullptr && entry.client != *only)) {
      continue;
    }
    all_kept = all_kept && entry.waiting == Waiting::kForNextRequest;
    const auto safe = entry.waiting == Waiting::kForReader ? kSafeForReader : kSafeForRequest;
    const bool may_go = also_safe || (entry.waiting != Waiting::kForUs && now - entry.since >= safe);
    if (may_go && (chosen == entries_.end() || order(entry) < order(chosen->second))) {
      chosen = each;
    }
  }
  const bool kept = chosen != entries_.end() && chosen->second.waiting == Waiting::kForNextRequest;
  return kept && !all_kept && !also_safe ? entries_.end() : chosen;
}

// All at once, so that a crowd of them costs one question each.
void Connections::evict_hung_up(const ClientKey& client) {
  for (auto each = entries_.begin(); each != entries_.end(); ++each) {
    const Entry& entry = each->second;
    const bool for_client = entry.waiting == Waiting::kForRequest || entry.waiting == Waiting::kForNextRequest;
    if (!entry.evicted && entry.client == client && for_client && hung_up(each->first)) {
      evict(each);
    }
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
  if (open_of(client) >= limits_.per_client) {
    const auto victim = longest_waiting(&client, /*also_safe=*/false, now);
    if (victim == entries_.end()) {
      return false;
    }
    evict(victim);
  }
  if (open_ < limits_.total) {
    return true;
  }
  const auto greediest = std::max_element(open_by_client_.begin(), open_by_client_.end(),
                                          [](const auto& a, const auto& b) { return a.second < b.second; });
  const ClientKey greedy = greediest->first;
  const bool unfair = greediest->second > open_of(client) + 1;
  const auto victim = longest_waiting(unfair ? &greedy : nullptr, /*also_safe=*/unfair, now);
  if (victim == entries_.end()) {
    return false;
  }
  evict(victim);
  return true;
}

bool Connections::admit(int socket, const ClientKey& client, Time now) {
  const std::lock_guard lock(mutex_);
  closed_locked(socket);
  if (opens_too_many(client, now) || !make_room(client, now)) {
    ++refused_;
    return false;
  }
  entries_[socket] = {client, Waiting::kForRequest, now};
  ++open_by_client_[client];
  ++open_;
  most_open_ = std::max(most_open_, open_);
  return true;
}

void Connections::step(int socket, Waiting waiting, Time now) {
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(socket); found != entries_.end()) {
    found->second.waiting = waiting;
    found->second.since = now;
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
    forget(found->second.client);
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

#include "adapters/http/connection_limits.h"

#include <algorithm>

#include <netinet/in.h>

namespace tcpperf::adapters::http {

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

bool ConnectionLimits::admits(const ClientKey& client) {
  const std::lock_guard lock(mutex_);
  const auto found = open_by_client_.find(client);
  if (open_ < total_ && (found == open_by_client_.end() || found->second < per_client_)) {
    return true;
  }
  ++refused_;
  return false;
}

void ConnectionLimits::opened(const ClientKey& client) {
  const std::lock_guard lock(mutex_);
  ++open_by_client_[client];
  ++open_;
}

void ConnectionLimits::closed(const ClientKey& client) {
  const std::lock_guard lock(mutex_);
  const auto found = open_by_client_.find(client);
  if (--found->second == 0) {
    open_by_client_.erase(found);
  }
  --open_;
}

std::uint64_t ConnectionLimits::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

}  // namespace tcpperf::adapters::http

#include "adapters/http/client_key.h"

#include <algorithm>

#include <netinet/in.h>

namespace tcpperf::adapters::http {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedIpv4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool is_ipv4(const ClientKey& client) {
  return std::equal(kMappedIpv4.begin(), kMappedIpv4.end(), client.begin());
}

}  // namespace

ClientKey client_key(const sockaddr* address) {
  constexpr std::size_t kNetworkBytes = 8;
  ClientKey key{};
  if (address == nullptr) {
    return key;
  }
  if (address->sa_family == AF_INET) {
    const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(address);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&ipv4->sin_addr);
    std::copy(kMappedIpv4.begin(), kMappedIpv4.end(), key.begin());
    std::copy_n(bytes, 4, key.begin() + kMappedIpv4.size());
  } else if (address->sa_family == AF_INET6) {
    const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(address);
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr);
    std::copy_n(ipv6->sin6_addr.s6_addr, mapped ? key.size() : kNetworkBytes, key.begin());
  }
  return key;
}

ClientKey network_of(const ClientKey& client) {
  constexpr std::size_t kIpv4Kept = 15;
  constexpr std::size_t kIpv6Kept = 6;
  constexpr std::uint8_t kLoopback = 127;
  ClientKey network{};
  if (is_ipv4(client)) {
    if (client[kMappedIpv4.size()] != kLoopback) {
      std::copy_n(client.begin(), kIpv4Kept, network.begin());
    }
    return network;
  }
  std::copy_n(client.begin(), kIpv6Kept, network.begin());
  return network;
}

void RecentClients::remember(const ClientKey& client) {
  const bool added = !turns_.contains(client);
  turns_[client] = ++turn_;
  if (!added) {
    return;
  }
  const ClientKey network = network_of(client);
  if (++of_network_[network] > most_of_network_) {
    forget_oldest(&network);
  }
  if (turns_.size() > most_) {
    forget_oldest(nullptr);
  }
}

void RecentClients::forget(const ClientKey& client) {
  if (turns_.erase(client) == 0) {
    return;
  }
  const auto count = of_network_.find(network_of(client));
  if (--count->second == 0) {
    of_network_.erase(count);
  }
}

void RecentClients::forget_oldest(const ClientKey* network) {
  auto oldest = turns_.end();
  for (auto each = turns_.begin(); each != turns_.end(); ++each) {
    const bool counts = network == nullptr || network_of(each->first) == *network;
    if (counts && (oldest == turns_.end() || each->second < oldest->second)) {
      oldest = each;
    }
  }
  if (oldest != turns_.end()) {
    forget(ClientKey(oldest->first));
  }
}

}  // namespace tcpperf::adapters::http

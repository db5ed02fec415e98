#include "core/groups/labels.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>

#include "core/base/utf8.h"
#include "core/net/cidr.h"

namespace tcpperf::core {
namespace {

constexpr std::size_t kMappedBytes = 12;
constexpr unsigned kMappedBits = 8 * kMappedBytes;
constexpr unsigned kThisNetworkBits = 8;  // 0.0.0.0/8 has no peers
constexpr unsigned kIpv6Bits = 128;

using Address = std::array<std::uint8_t, 16>;

std::string or_unknown(const std::string& text) {
  return text.empty() ? std::string(kUnknown) : text;
}

bool all_zero(const std::uint8_t* begin, const std::uint8_t* end) {
  return std::all_of(begin, end, [](std::uint8_t byte) { return byte == 0; });
}

bool is_mapped(const Address& address) {
  return all_zero(address.data(), address.data() + 10) && address[10] == 0xff && address[11] == 0xff;
}

std::string network(const tcpperf_u8 (&bytes)[16], PrefixLengths prefix) {
  Cidr cidr;
  std::copy(std::begin(bytes), std::end(bytes), cidr.address.begin());
  const bool mapped = is_mapped(cidr.address);
  const unsigned bits = mapped ? prefix.ipv4_bits : prefix.ipv6_bits;
  // A prefix of few bits is zero for many peers that are known.
  const bool no_ipv4 = mapped && bits >= kThisNetworkBits && all_zero(&cidr.address[kMappedBytes], cidr.address.end());
  if (no_ipv4 || all_zero(cidr.address.begin(), cidr.address.end())) {
    return std::string(kUnknown);
  }
  cidr.prefix_bits = static_cast<std::uint8_t>(mapped ? kMappedBits + bits : bits);
  return to_string(cidr);
}

std::string address(const tcpperf_u8 (&bytes)[16]) {
  const std::string text = network(bytes, {kIpv6Bits - kMappedBits, kIpv6Bits});
  return text.substr(0, text.find('/'));
}

// A listener's: zeros stand for every address.
std::string listening_address(const tcpperf_u8 (&bytes)[16]) {
  Cidr cidr;
  std::copy(std::begin(bytes), std::end(bytes), cidr.address.begin());
  cidr.prefix_bits = kIpv6Bits;
  const std::string text = to_string(cidr);
  return text.substr(0, text.find('/'));
}

// 0: not known.
std::string number(std::uint64_t value) {
  return value == 0 ? std::string(kUnknown) : std::to_string(value);
}

// Ends at a zero byte or at its last.
std::string name(const char (&text)[16]) {
  return or_unknown(to_utf8({std::begin(text), std::find(std::begin(text), std::end(text), '\0')}));
}

std::string cgroup(std::uint64_t id, const HostNames& names) {
  const std::optional<std::string> path = id == 0 ? std::nullopt : names.cgroup_path(id);
  return or_unknown(path ? to_utf8(unit_of(*path)) : "");
}

std::string_view role(std::uint8_t value) {
  switch (value) {
    case TCPPERF_ROLE_CLIENT: return "client";
    case TCPPERF_ROLE_SERVER: return "server";
    default: return kUnknown;
  }
}

std::string_view family(std::uint8_t value) {
  switch (value) {
    case TCPPERF_FAMILY_IPV4: return "ipv4";
    case TCPPERF_FAMILY_IPV6: return "ipv6";
    default: return kUnknown;
  }
}

std::string value_of(Dimension dimension, const tcpperf_group_key& key, PrefixLengths prefix, const HostNames& names) {
  switch (dimension) {
    case Dimension::kLocalIp: return key.listener != 0 ? listening_address(key.local_ip) : address(key.local_ip);
    case Dimension::kRemoteIp: return address(key.remote_ip);
    case Dimension::kRemotePrefix: return network(key.remote_ip, prefix);
    case Dimension::kLocalPort: return number(key.local_port);
    case Dimension::kRemotePort: return number(key.remote_port);
    case Dimension::kServicePort: return number(key.service_port);
    case Dimension::kProcess: return name(key.process);
    case Dimension::kPid: return number(key.pid);
    case Dimension::kCgroup: return cgroup(key.cgroup, names);
    case Dimension::kInterface: return name(key.interface);
    case Dimension::kNetns: return number(key.netns);
    case Dimension::kRole: return std::string(role(key.role));
    case Dimension::kCongestionControl: return name(key.congestion_control);
    case Dimension::kFamily: return std::string(family(key.family));
  }
  return std::string(kUnknown);
}

bool is_unit(std::string_view component) {
  constexpr std::string_view kService = ".service";
  constexpr std::string_view kScope = ".scope";
  return (component.ends_with(kService) && component.size() > kService.size()) ||
         (component.ends_with(kScope) && component.size() > kScope.size());
}

}  // namespace

std::vector<std::string> group_label_values(const tcpperf_group_key& key, const GroupBy& by, PrefixLengths prefix,
                                            const HostNames& names) {
  std::vector<std::string> values;
  values.reserve(by.size());
  for (const Dimension dimension : by) {
    values.push_back(value_of(dimension, key, prefix, names));
  }
  return values;
}

std::vector<std::string> other_label_values(const GroupBy& by) {
  std::vector<std::string> values(by.size(), std::string(kOther));
  return values;
}

std::string unit_of(std::string_view cgroup_path) {
  for (std::string_view rest = cgroup_path; !rest.empty();) {
    const std::size_t slash = rest.rfind('/');
    const std::string_view component = slash == std::string_view::npos ? rest : rest.substr(slash + 1);
    if (is_unit(component)) {
      return std::string(component);
    }
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(0, slash);
  }
  return std::string(cgroup_path);
}

}  // namespace tcpperf::core

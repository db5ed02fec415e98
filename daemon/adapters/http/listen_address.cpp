#include "adapters/http/listen_address.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <optional>

#include <arpa/inet.h>

namespace tcpperf::adapters::http {
namespace {

core::Error problem(std::string_view text, const std::string& what) {
  return {"listen address \"" + std::string(text) + "\": " + what};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > std::numeric_limits<std::uint16_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(value);
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// A host name or an IPv4 address by its characters.
bool is_name(std::string_view text) {
  constexpr std::size_t kLongestName = 253;
  return text.size() <= kLongestName && is_alphanumeric(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '.' || c == '-' || c == '_'; });
}

// With an optional zone: "fe80::1%eth0".
bool is_ipv6(std::string_view text) {
  const std::size_t percent = text.find('%');
  if (percent != std::string_view::npos) {
    const std::string_view zone = text.substr(percent + 1);
    if (zone.empty() || !is_name(zone)) {
      return false;
    }
  }
  in6_addr address{};
  return inet_pton(AF_INET6, std::string(text.substr(0, percent)).c_str(), &address) == 1;
}

}  // namespace

core::Result<ListenAddress> parse_listen_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    if (!text.empty() && parse_port(text)) {
      return problem(text, "a port needs a colon in front: \":" + std::string(text) + "\"");
    }
    return problem(text, R"(no port; write HOST:PORT or :PORT, for example ":9435" or "127.0.0.1:9435")");
  }
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  if (host.starts_with('[') && port_text.ends_with(']')) {
    return problem(text, "no port behind the address; write \"" + std::string(text) + ":9435\"");
  }
  const auto port = parse_port(port_text);
  if (!port) {
    return problem(text, "\"" + std::string(port_text) + "\" is not a port; write a number from 0 to 65535");
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (!is_ipv6(host)) {
      return problem(text, "\"" + std::string(host) + R"(" is not an IPv6 address; write for example "[::1]:9435")");
    }
  } else if (host.find(':') != std::string_view::npos) {
    return problem(text, R"(an IPv6 address needs brackets, for example "[::1]:9435")");
  } else if (!host.empty() && !is_name(host)) {
    return problem(text, "\"" + std::string(host) +
                             "\" is neither a host name nor an address; for all addresses write \":" +
                             std::to_string(*port) + "\"");
  }
  return ListenAddress{std::string(host), *port};
}

std::string to_string(const ListenAddress& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace tcpperf::adapters::http

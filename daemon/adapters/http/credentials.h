// Name and password of HTTP basic authentication (RFC 7617).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tcpperf::adapters::http {

struct Credentials {
  std::string user;
  std::string password;
};

// Of the value of an Authorization header. nullopt for anything else than "Basic" with sound base64 of "name:password".
std::optional<Credentials> parse_basic_credentials(std::string_view authorization);

}  // namespace tcpperf::adapters::http

// Who may talk to the web server and how: what the web configuration file says, as plain data.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/web/cipher_suite.h"

namespace tcpperf::core {

enum class TlsVersion { k10, k11, k12, k13 };  // older ones compare less

enum class TlsCurve { kX25519, kP256, kP384, kP521 };

// The names are those of Go's crypto/tls, as in the file.
enum class ClientCertificate {
  kNone,              // NoClientCert
  kRequest,           // RequestClientCert: asked for, and not looked at
  kRequireAny,        // RequireAnyClientCert: any will do
  kVerifyIfGiven,     // VerifyClientCertIfGiven
  kRequireAndVerify,  // RequireAndVerifyClientCert
};

struct TlsServer {
  std::string certificate_pem;  // with its chain
  std::string key_pem;
  std::string client_ca_pem;  // empty: those of the system
  ClientCertificate client_certificate = ClientCertificate::kNone;
  std::vector<std::string> client_allowed_sans;  // empty: any
  TlsVersion min_version = TlsVersion::k12;
  TlsVersion max_version = TlsVersion::k13;
  std::vector<CipherSuite> cipher_suites;  // empty: default_cipher_suites()
  bool prefer_server_cipher_suites = true;
  std::vector<TlsCurve> curves;  // empty: the library's, in its order

  bool operator==(const TlsServer&) const = default;
};

// One token every `interval`, at most `burst` of them.
struct RateLimit {
  std::chrono::nanoseconds interval{0};  // zero: no limit
  std::uint32_t burst = 0;

  bool operator==(const RateLimit&) const = default;
};

struct HttpServer {
  bool http2 = true;                                         // accepted in the file; HTTP/2 is not spoken
  std::vector<std::pair<std::string, std::string>> headers;  // of every response

  bool operator==(const HttpServer&) const = default;
};

struct WebSecurity {
  std::optional<TlsServer> tls;
  HttpServer http;
  RateLimit rate_limit;
  std::map<std::string, std::string, std::less<>> users;  // bcrypt hash by name; empty: nobody is asked

  bool operator==(const WebSecurity&) const = default;
};

}  // namespace tcpperf::core

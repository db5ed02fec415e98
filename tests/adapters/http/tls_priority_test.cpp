// The words of the web configuration in GnuTLS' words. That GnuTLS understands them is tested with openssl, end to end.
#include "adapters/http/tls_priority.h"

#include <initializer_list>
#include <string>
#include <string_view>

#include "catch.h"

using namespace tcpperf::adapters::http;
using namespace tcpperf::core;

namespace {

TlsServer with_suites(std::initializer_list<std::string_view> names) {
  TlsServer tls;
  for (const std::string_view name : names) {
    tls.cipher_suites.push_back(*find_cipher_suite(name));
  }
  return tls;
}

std::string error_of(const TlsServer& tls, KeyKind key) {
  const auto priority = tls_priority(tls, key);
  return priority ? "" : priority.error().message;
}

}  // namespace

TEST_CASE("without lists forward secrecy and the two new versions are offered", "[http][tls]") {
  CHECK(*tls_priority({}, KeyKind::kEcdsa) ==
        "NORMAL:-VERS-ALL:-KX-ALL:-CIPHER-ALL:-MAC-ALL:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA:+AES-128-GCM:+AES-256-GCM"
        ":+CHACHA20-POLY1305:+AES-128-CBC:+AES-256-CBC:+AEAD:+SHA1:%SERVER_PRECEDENCE");
}

TEST_CASE("of a list what fits the certificate counts, in its order", "[http][tls]") {
  TlsServer tls = with_suites({"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                               "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"});
  tls.prefer_server_cipher_suites = false;
  tls.curves = {TlsCurve::kP384, TlsCurve::kX25519};
  CHECK(*tls_priority(tls, KeyKind::kRsa) ==
        "NORMAL:-VERS-ALL:-KX-ALL:-CIPHER-ALL:-MAC-ALL:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-RSA:+AES-256-GCM:+AES-128-GCM"
        ":+AEAD:+SHA1:-GROUP-ALL:+GROUP-SECP384R1:+GROUP-X25519");
}

TEST_CASE("a list that GnuTLS cannot express is refused with the suite that is too much", "[http][tls]") {
  const TlsServer crossed = with_suites({"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_GCM_SHA384"});
  CHECK(error_of(crossed, KeyKind::kRsa).find("it would allow TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 too") !=
        std::string::npos);
  // The suite of TLS 1.3 lets its cipher in for TLS 1.2.
  const TlsServer mixed = with_suites({"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"});
  CHECK_FALSE(error_of(mixed, KeyKind::kRsa).empty());
  TlsServer only_13 = mixed;
  only_13.min_version = TlsVersion::k13;
  CHECK(error_of(only_13, KeyKind::kRsa).empty());
}

TEST_CASE("a list that leaves a version without a suite is refused", "[http][tls]") {
  const TlsServer old = with_suites({"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"});
  CHECK(error_of(old, KeyKind::kRsa).find("max_version: TLS12") != std::string::npos);
  const TlsServer other = with_suites({"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"});
  CHECK(error_of(other, KeyKind::kEcdsa).find("those with ECDSA in their names are") != std::string::npos);
  const TlsServer only_new = with_suites({"TLS_AES_128_GCM_SHA256"});
  CHECK(error_of(only_new, KeyKind::kEcdsa).find("min_version: TLS13") != std::string::npos);
}

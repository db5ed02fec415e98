#include "adapters/http/tls_priority.h"

#include <algorithm>
#include <vector>

namespace tcpperf::adapters::http {
namespace {

using core::Cipher;
using core::CipherSuite;
using core::KeyExchange;
using core::TlsVersion;

std::string_view word(TlsVersion version) {
  switch (version) {
    case TlsVersion::k10: return "VERS-TLS1.0";
    case TlsVersion::k11: return "VERS-TLS1.1";
    case TlsVersion::k12: return "VERS-TLS1.2";
    case TlsVersion::k13: return "VERS-TLS1.3";
  }
  return "";
}

std::string_view word(core::TlsCurve curve) {
  switch (curve) {
    case core::TlsCurve::kX25519: return "GROUP-X25519";
    case core::TlsCurve::kP256: return "GROUP-SECP256R1";
    case core::TlsCurve::kP384: return "GROUP-SECP384R1";
    case core::TlsCurve::kP521: return "GROUP-SECP521R1";
  }
  return "";
}

std::string_view word(KeyExchange exchange) {
  switch (exchange) {
    case KeyExchange::kTls13: return "";
    case KeyExchange::kEcdheEcdsa: return "ECDHE-ECDSA";
    case KeyExchange::kEcdheRsa: return "ECDHE-RSA";
    case KeyExchange::kRsa: return "RSA";
  }
  return "";
}

std::string_view word(Cipher cipher) {
  switch (cipher) {
    case Cipher::kAes128Gcm: return "AES-128-GCM";
    case Cipher::kAes256Gcm: return "AES-256-GCM";
    case Cipher::kChacha20Poly1305: return "CHACHA20-POLY1305";
    case Cipher::kAes128CbcSha1: return "AES-128-CBC";
    case Cipher::kAes256CbcSha1: return "AES-256-CBC";
  }
  return "";
}

bool is_aead(Cipher cipher) {
  return cipher != Cipher::kAes128CbcSha1 && cipher != Cipher::kAes256CbcSha1;
}

bool fits(KeyExchange exchange, KeyKind key) {
  switch (exchange) {
    case KeyExchange::kTls13: return true;
    case KeyExchange::kEcdheEcdsa: return key != KeyKind::kRsa;
    case KeyExchange::kEcdheRsa:
    case KeyExchange::kRsa: return key == KeyKind::kRsa;
  }
  return false;
}

template <typename T>
void add_once(std::vector<T>& list, const T& value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) {
    list.push_back(value);
  }
}

// What remains of the list for a server with such a key and these versions.
struct Chosen {
  std::vector<KeyExchange> exchanges;  // of versions before 1.3
  std::vector<Cipher> ciphers;
};

// Names the first suite that the combination allows and the list does not.
core::Result<void> check_exact(const Chosen& chosen, const std::vector<CipherSuite>& list) {
  for (const CipherSuite& suite : core::cipher_suites()) {
    const bool allowed =
        suite.key_exchange != KeyExchange::kTls13 &&
        std::find(chosen.exchanges.begin(), chosen.exchanges.end(), suite.key_exchange) != chosen.exchanges.end() &&
        std::find(chosen.ciphers.begin(), chosen.ciphers.end(), suite.cipher) != chosen.ciphers.end();
    if (allowed && std::find(list.begin(), list.end(), suite) == list.end()) {
      return core::Error{"cipher_suites: GnuTLS cannot allow just these; it would allow " + std::string(suite.name) +
                         " too: add that, or take one of the others out"};
    }
  }
  return {};
}

core::Result<Chosen> choose(const core::TlsServer& tls, KeyKind key) {
  const std::vector<CipherSuite> list = tls.cipher_suites.empty() ? core::default_cipher_suites() : tls.cipher_suites;
  const bool before_13 = tls.min_version < TlsVersion::k13;
  const bool since_13 = tls.max_version >= TlsVersion::k13;
  Chosen chosen;
  for (const CipherSuite& suite : list) {
    const bool usable = suite.key_exchange == KeyExchange::kTls13 ? since_13 : before_13 || !tls.cipher_suites.empty();
    if (!usable || !fits(suite.key_exchange, key)) {
      continue;
    }
    if (suite.key_exchange != KeyExchange::kTls13) {
      add_once(chosen.exchanges, suite.key_exchange);
    }
    add_once(chosen.ciphers, suite.cipher);
  }
  const bool any_fits =
      std::any_of(list.begin(), list.end(), [&](const auto& suite) { return fits(suite.key_exchange, key); });
  if (!any_fits) {
    return core::Error{"cipher_suites: none of them is for a certificate with " +
                       std::string(key == KeyKind::kRsa
                                       ? "an RSA key; those with RSA in their names are"
                                       : "such a key (ECDSA or Ed25519); those with ECDSA in their names are") +
                       ", and those of TLS 1.3 are for all"};
  }
  if (since_13 && std::none_of(chosen.ciphers.begin(), chosen.ciphers.end(), is_aead)) {
    return core::Error{
        "cipher_suites: none of them is for TLS 1.3; add TLS_AES_128_GCM_SHA256, or write max_version: "
        "TLS12"};
  }
  if (before_13 && chosen.exchanges.empty()) {
    return core::Error{
        "cipher_suites: none of them is for TLS 1.2 with this certificate; add one, or write "
        "min_version: TLS13"};
  }
  if (before_13) {
    if (const auto exact = check_exact(chosen, list); !exact) {
      return exact.error();
    }
  }
  return chosen;
}

}  // namespace

core::Result<std::string> tls_priority(const core::TlsServer& tls, KeyKind key) {
  const core::Result<Chosen> chosen = choose(tls, key);
  if (!chosen) {
    return chosen.error();
  }
  std::string text = "NORMAL:-VERS-ALL:-KX-ALL:-CIPHER-ALL:-MAC-ALL";
  const auto add = [&text](std::string_view name) { text += ":+" + std::string(name); };
  for (const TlsVersion version : {TlsVersion::k13, TlsVersion::k12, TlsVersion::k11, TlsVersion::k10}) {
    if (version >= tls.min_version && version <= tls.max_version) {
      add(word(version));
    }
  }
  for (const KeyExchange exchange : chosen->exchanges) {
    add(word(exchange));
  }
  for (const Cipher cipher : chosen->ciphers) {
    add(word(cipher));
  }
  add("AEAD");
  add("SHA1");  // of the two CBC ciphers
  if (!tls.curves.empty()) {
    text += ":-GROUP-ALL";
    for (const core::TlsCurve curve : tls.curves) {
      add(word(curve));
    }
  }
  if (tls.prefer_server_cipher_suites) {
    text += ":%SERVER_PRECEDENCE";
  }
  return text;
}

}  // namespace tcpperf::adapters::http

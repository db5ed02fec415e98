// The cipher suites that a web configuration file may name: those of Go's tls.CipherSuites().
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tcpperf::core {

enum class KeyExchange {
  kTls13,  // chosen apart from the suite
  kEcdheEcdsa,
  kEcdheRsa,
  kRsa,
};

enum class Cipher { kAes128Gcm, kAes256Gcm, kChacha20Poly1305, kAes128CbcSha1, kAes256CbcSha1 };

struct CipherSuite {
  std::string_view name;
  KeyExchange key_exchange = KeyExchange::kTls13;
  Cipher cipher = Cipher::kAes128Gcm;

  bool operator==(const CipherSuite&) const = default;
};

// All of them, static storage duration.
std::span<const CipherSuite> cipher_suites();
std::optional<CipherSuite> find_cipher_suite(std::string_view name);

// Without a list in the file: those with forward secrecy.
std::vector<CipherSuite> default_cipher_suites();

}  // namespace tcpperf::core

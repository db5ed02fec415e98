#include "core/web/cipher_suite.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace tcpperf::core {
namespace {

constexpr std::array<CipherSuite, 17> kSuites{{
    {"TLS_AES_128_GCM_SHA256", KeyExchange::kTls13, Cipher::kAes128Gcm},
    {"TLS_AES_256_GCM_SHA384", KeyExchange::kTls13, Cipher::kAes256Gcm},
    {"TLS_CHACHA20_POLY1305_SHA256", KeyExchange::kTls13, Cipher::kChacha20Poly1305},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", KeyExchange::kEcdheEcdsa, Cipher::kAes128Gcm},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", KeyExchange::kEcdheEcdsa, Cipher::kAes256Gcm},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", KeyExchange::kEcdheEcdsa, Cipher::kChacha20Poly1305},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", KeyExchange::kEcdheEcdsa, Cipher::kAes128CbcSha1},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", KeyExchange::kEcdheEcdsa, Cipher::kAes256CbcSha1},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", KeyExchange::kEcdheRsa, Cipher::kAes128Gcm},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", KeyExchange::kEcdheRsa, Cipher::kAes256Gcm},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", KeyExchange::kEcdheRsa, Cipher::kChacha20Poly1305},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", KeyExchange::kEcdheRsa, Cipher::kAes128CbcSha1},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", KeyExchange::kEcdheRsa, Cipher::kAes256CbcSha1},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", KeyExchange::kRsa, Cipher::kAes128Gcm},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", KeyExchange::kRsa, Cipher::kAes256Gcm},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", KeyExchange::kRsa, Cipher::kAes128CbcSha1},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", KeyExchange::kRsa, Cipher::kAes256CbcSha1},
}};

}  // namespace

std::span<const CipherSuite> cipher_suites() {
  return kSuites;
}

std::optional<CipherSuite> find_cipher_suite(std::string_view name) {
  const auto* const found =
      std::find_if(kSuites.begin(), kSuites.end(), [&](const CipherSuite& suite) { return suite.name == name; });
  return found == kSuites.end() ? std::nullopt : std::optional(*found);
}

std::vector<CipherSuite> default_cipher_suites() {
  std::vector<CipherSuite> suites;
  std::copy_if(kSuites.begin(), kSuites.end(), std::back_inserter(suites),
               [](const CipherSuite& suite) { return suite.key_exchange != KeyExchange::kRsa; });
  return suites;
}

}  // namespace tcpperf::core

// Versions, cipher suites and curves in GnuTLS' words. Internal to this adapter.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/web/security.h"

namespace tcpperf::adapters::http {

enum class KeyKind { kRsa, kEcdsa, kEdwards };  // of the server's certificate

// The priority string. GnuTLS has no list of suites: it combines key exchanges with ciphers, and TLS 1.3 takes the same
// ciphers. Where that would allow more than `tls` does, or nothing, it is an error that says so.
core::Result<std::string> tls_priority(const core::TlsServer& tls, KeyKind key);

}  // namespace tcpperf::adapters::http

// TLS with GnuTLS, for the sessions that libmicrohttpd makes. Internal to this adapter.
#pragma once

#include <memory>

#include <gnutls/gnutls.h>

#include "core/base/result.h"
#include "core/web/security.h"

namespace tcpperf::adapters::http {

// Immutable; any thread; outlives the sessions it was applied to.
class Tls {
 public:
  static core::Result<std::shared_ptr<const Tls>> make(const core::TlsServer& settings);
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  // Before the handshake: certificate, versions, ciphers, and what is asked of the client. False when GnuTLS refuses;
  // the session must not be used then.
  [[nodiscard]] bool apply_to(gnutls_session_t session) const;

  // Whether the client's certificate, if any, is what the settings ask for.
  [[nodiscard]] bool admits_peer_of(gnutls_session_t session) const;

 private:
  explicit Tls(core::TlsServer settings) : settings_(std::move(settings)) {}
  core::Result<void> load_certificate();
  core::Result<void> load_client_authorities();
  core::Result<void> load_priority();

  const core::TlsServer settings_;
  gnutls_certificate_credentials_t credentials_ = nullptr;
  gnutls_priority_t priority_ = nullptr;
};

}  // namespace tcpperf::adapters::http

#include "adapters/http/tls.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <gnutls/x509.h>

#include "adapters/http/security.h"
#include "adapters/http/tls_priority.h"

namespace tcpperf::adapters::http {
namespace {

core::Error failure(const std::string& what, int code) {
  return {what + ": " + gnutls_strerror(code)};
}

gnutls_datum_t datum(const std::string& text) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())), static_cast<unsigned>(text.size())};
}

// The alternative names of a certificate, in text.
std::vector<std::string> alternative_names(gnutls_x509_crt_t certificate) {
  constexpr std::size_t kLongest = 4096;
  std::vector<std::string> names;
  for (unsigned i = 0;; ++i) {
    std::array<char, kLongest> buffer{};
    std::size_t size = buffer.size();
    const int type = gnutls_x509_crt_get_subject_alt_name(certificate, i, buffer.data(), &size, nullptr);
    if (type == GNUTLS_E_SHORT_MEMORY_BUFFER) {
      continue;  // longer than any name one would write into a configuration
    }
    if (type < 0) {
      return names;
    }
    if (type == GNUTLS_SAN_IPADDRESS) {
      std::array<char, INET6_ADDRSTRLEN> text{};
      const int family = size == sizeof(in_addr) ? AF_INET : AF_INET6;
      if ((size == sizeof(in_addr) || size == sizeof(in6_addr)) &&
          inet_ntop(family, buffer.data(), text.data(), text.size()) != nullptr) {
        names.emplace_back(text.data());
      }
    } else if (type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_RFC822NAME || type == GNUTLS_SAN_URI) {
      names.emplace_back(buffer.data(), size);
    }
  }
}

bool has_allowed_name(gnutls_session_t session, const std::vector<std::string>& allowed) {
  unsigned count = 0;
  const gnutls_datum_t* sent = gnutls_certificate_get_peers(session, &count);
  gnutls_x509_crt_t certificate = nullptr;
  if (sent == nullptr || count == 0 || gnutls_x509_crt_init(&certificate) != GNUTLS_E_SUCCESS) {
    return false;
  }
  bool found = false;
  if (gnutls_x509_crt_import(certificate, sent, GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS) {
    const std::vector<std::string> names = alternative_names(certificate);
    found = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return std::find(allowed.begin(), allowed.end(), name) != allowed.end();
    });
  }
  gnutls_x509_crt_deinit(certificate);
  return found;
}

bool is_trusted_client(gnutls_session_t session) {
  gnutls_typed_vdata_st purpose{};
  purpose.type = GNUTLS_DT_KEY_PURPOSE_OID;
  purpose.data = reinterpret_cast<unsigned char*>(const_cast<char*>(GNUTLS_KP_TLS_WWW_CLIENT));
  unsigned status = 0;
  return gnutls_certificate_verify_peers(session, &purpose, 1, &status) == GNUTLS_E_SUCCESS && status == 0;
}

core::Result<KeyKind> key_kind(const std::string& certificate_pem) {
  gnutls_x509_crt_t certificate = nullptr;
  if (const int code = gnutls_x509_crt_init(&certificate); code != GNUTLS_E_SUCCESS) {
    return failure("certificate", code);
  }
  const gnutls_datum_t text = datum(certificate_pem);
  int code = gnutls_x509_crt_import(certificate, &text, GNUTLS_X509_FMT_PEM);
  if (code == GNUTLS_E_SUCCESS) {
    code = gnutls_x509_crt_get_pk_algorithm(certificate, nullptr);
  }
  gnutls_x509_crt_deinit(certificate);
  if (code < 0) {
    return failure("certificate", code);
  }
  switch (code) {
    case GNUTLS_PK_RSA:
    case GNUTLS_PK_RSA_PSS: return KeyKind::kRsa;
    case GNUTLS_PK_ECDSA: return KeyKind::kEcdsa;
    case GNUTLS_PK_EDDSA_ED25519:
    case GNUTLS_PK_EDDSA_ED448: return KeyKind::kEdwards;
    default:
      return core::Error{std::string("certificate: keys of the kind ") +
                         gnutls_pk_get_name(static_cast<gnutls_pk_algorithm_t>(code)) +
                         " are not served; use RSA, ECDSA or Ed25519"};
  }
}

unsigned request_of(core::ClientCertificate wanted) {
  switch (wanted) {
    case core::ClientCertificate::kNone: return GNUTLS_CERT_IGNORE;
    case core::ClientCertificate::kRequest:
    case core::ClientCertificate::kVerifyIfGiven: return GNUTLS_CERT_REQUEST;
    case core::ClientCertificate::kRequireAny:
    case core::ClientCertificate::kRequireAndVerify: return GNUTLS_CERT_REQUIRE;
  }
  return GNUTLS_CERT_REQUIRE;
}

bool verifies(core::ClientCertificate wanted) {
  return wanted == core::ClientCertificate::kVerifyIfGiven || wanted == core::ClientCertificate::kRequireAndVerify;
}

}  // namespace

core::Result<void> Tls::load_certificate() {
  const gnutls_datum_t certificate = datum(settings_.certificate_pem);
  const gnutls_datum_t key = datum(settings_.key_pem);
  const int code = gnutls_certificate_set_x509_key_mem(credentials_, &certificate, &key, GNUTLS_X509_FMT_PEM);
  if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH) {
    return core::Error{"the key does not belong to the certificate"};
  }
  if (code == GNUTLS_E_DECRYPTION_FAILED) {
    return core::Error{"the key is encrypted; the daemon cannot ask for its password"};
  }
  return code < 0 ? core::Result<void>(failure("certificate and key", code)) : core::Result<void>();
}

core::Result<void> Tls::load_client_authorities() {
  if (!verifies(settings_.client_certificate)) {
    return {};
  }
  if (settings_.client_ca_pem.empty()) {
    const int code = gnutls_certificate_set_x509_system_trust(credentials_);
    return code < 0 ? core::Result<void>(failure("CAs of the system", code)) : core::Result<void>();
  }
  const gnutls_datum_t authorities = datum(settings_.client_ca_pem);
  const int count = gnutls_certificate_set_x509_trust_mem(credentials_, &authorities, GNUTLS_X509_FMT_PEM);
  if (count == 0) {
    return core::Error{"client CAs: no certificate found"};
  }
  return count < 0 ? core::Result<void>(failure("client CAs", count)) : core::Result<void>();
}

core::Result<void> Tls::load_priority() {
  const auto kind = key_kind(settings_.certificate_pem);
  if (!kind) {
    return kind.error();
  }
  const auto priority = tls_priority(settings_, *kind);
  if (!priority) {
    return priority.error();
  }
  const char* refused_at = nullptr;
  if (const int code = gnutls_priority_init2(&priority_, priority->c_str(), &refused_at, 0); code != GNUTLS_E_SUCCESS) {
    priority_ = nullptr;
    return failure("this GnuTLS refuses versions, cipher suites or curves, at \"" +
                       std::string(refused_at == nullptr ? "" : refused_at) + "\"",
                   code);
  }
  return {};
}

core::Result<std::shared_ptr<const Tls>> Tls::make(const core::TlsServer& settings) {
  std::shared_ptr<Tls> tls(new Tls(settings));
  if (const int code = gnutls_certificate_allocate_credentials(&tls->credentials_); code != GNUTLS_E_SUCCESS) {
    tls->credentials_ = nullptr;
    return failure("TLS", code);
  }
  for (const auto load : {&Tls::load_certificate, &Tls::load_client_authorities, &Tls::load_priority}) {
    if (const auto loaded = ((*tls).*load)(); !loaded) {
      return loaded.error();
    }
  }
  return std::shared_ptr<const Tls>(std::move(tls));
}

Tls::~Tls() {
  if (priority_ != nullptr) {
    gnutls_priority_deinit(priority_);
  }
  if (credentials_ != nullptr) {
    gnutls_certificate_free_credentials(credentials_);
  }
}

bool Tls::apply_to(gnutls_session_t session) const {
  if (gnutls_priority_set(session, priority_) != GNUTLS_E_SUCCESS ||
      gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials_) != GNUTLS_E_SUCCESS) {
    return false;
  }
  gnutls_certificate_server_set_request(
      session, static_cast<gnutls_certificate_request_t>(request_of(settings_.client_certificate)));
  return true;
}

bool Tls::admits_peer_of(gnutls_session_t session) const {
  unsigned count = 0;
  const bool given = gnutls_certificate_get_peers(session, &count) != nullptr && count > 0;
  if (!given) {  // where one is required, GnuTLS has ended the handshake already
    return settings_.client_allowed_sans.empty();
  }
  return (!verifies(settings_.client_certificate) || is_trusted_client(session)) &&
         (settings_.client_allowed_sans.empty() || has_allowed_name(session, settings_.client_allowed_sans));
}

core::Result<std::shared_ptr<const Security>> make_security(core::WebSecurity settings) {
  auto security = std::make_shared<Security>();
  if (settings.tls) {
    auto tls = Tls::make(*settings.tls);
    if (!tls) {
      return tls.error();
    }
    security->tls = std::move(*tls);
  }
  security->settings = std::move(settings);
  return std::shared_ptr<const Security>(std::move(security));
}

}  // namespace tcpperf::adapters::http

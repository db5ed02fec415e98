#include <algorithm>
#include <string>
#include <utility>

#include "config/text.h"
#include "config/web_sections.h"
#include "config/yaml_tree.h"
#include "core/base/suggestion.h"

namespace tcpperf::config {
namespace {

using core::ClientCertificate;
using core::TlsCurve;
using core::TlsServer;
using core::TlsVersion;

constexpr std::size_t kLongestPath = 4095;  // bytes: what Linux opens

TextRule file_rule(const WebContext& context) {
  return {.type = "path",
          .range = "relative to the folder of this file",
          .read = [read_file = context.read_file](std::string_view text) -> core::Result<std::string> {
            if (text.empty() || text.size() > kLongestPath || text.find('\n') != std::string_view::npos) {
              return core::Error{"expected the path of a file, found " + quoted(text)};
            }
            return read_file(std::string(text));
          }};
}

TextRule pem_rule() {
  return {.type = "PEM", .read = [](std::string_view text) -> core::Result<std::string> {
            if (text.find("-----BEGIN ") == std::string_view::npos) {
              return core::Error{"expected text that contains \"-----BEGIN \" (PEM)"};  // not the text: a key is secret
            }
            return std::string(text);
          }};
}

std::string joined(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names) {
    text += (text.empty() ? "" : ", ") + std::string(name);
  }
  return text;
}

// A list of names from a table: `find` gives the value of a name, or nothing.
template <typename T, typename Find>
Key<TlsServer> names_key(std::string name, std::vector<T> TlsServer::*member,
                         const std::vector<std::string_view>& names, std::string fallback, std::string meaning,
                         Find find) {
  return {.row = {std::move(name), "list of names", std::move(fallback), joined(names), std::move(meaning)},
          .read = [member, names, find](ErrorLog& log, const Value& value, TlsServer& out) {
            for (const Value& item : read_list(log, value)) {
              const auto text = read_scalar(log, item, "a name");
              if (!text) {
                continue;
              }
              if (const auto found = find(*text)) {
                (out.*member).push_back(*found);
              } else {
                add_error(log, item, "unknown name " + quoted(*text) + core::suggestion(*text, "allowed", names));
              }
            }
          }};
}

Key<TlsServer> cipher_suites_key() {
  std::vector<std::string_view> names;
  for (const core::CipherSuite& suite : core::cipher_suites()) {
    names.push_back(suite.name);
  }
  return names_key(
      "cipher_suites", &TlsServer::cipher_suites, names, "those with forward secrecy (ECDHE and TLS 1.3)",
      "Cipher suites, by Go's names. Their ciphers hold for TLS 1.3 too, and lists that GnuTLS cannot tell "
      "apart from longer ones are refused.",
      core::find_cipher_suite);
}

Key<TlsServer> curves_key() {
  static const Choices<TlsCurve> kCurves = {{"X25519", TlsCurve::kX25519},
                                            {"CurveP256", TlsCurve::kP256},
                                            {"CurveP384", TlsCurve::kP384},
                                            {"CurveP521", TlsCurve::kP521}};
  std::vector<std::string_view> names;
  for (const auto& [name, curve] : kCurves) {
    names.push_back(name);
  }
  return names_key("curve_preferences", &TlsServer::curves, names, "GnuTLS' own",
                   "Curves of the key exchange, the preferred one first.",
                   [](std::string_view text) -> std::optional<TlsCurve> {
                     for (const auto& [name, curve] : kCurves) {
                       if (name == text) {
                         return curve;
                       }
                     }
                     return std::nullopt;
                   });
}

Key<TlsServer> sans_key() {
  return {.row = {"client_allowed_sans", "list of text", "empty: any", "at most " + std::to_string(kLongestList),
                  "A client's certificate must have one of these alternative names: DNS name, address, e-mail or URI. "
                  "Needs a `client_auth_type` that requires a certificate."},
          .read = [](ErrorLog& log, const Value& value, TlsServer& out) {
            if (value.node->kind == NodeKind::kList && value.node->items.empty()) {
              add_error(log, value,
                        "an empty list would admit nobody; name somebody, or leave the key out to admit any");
            }
            for (const Value& item : read_list(log, value)) {
              if (const auto text = read_scalar(log, item, "a name")) {
                out.client_allowed_sans.emplace_back(*text);
              }
            }
          }};
}

std::vector<Key<TlsServer>> tls_keys(const WebContext& context) {
  const Choices<TlsVersion> versions = {
      {"TLS10", TlsVersion::k10}, {"TLS11", TlsVersion::k11}, {"TLS12", TlsVersion::k12}, {"TLS13", TlsVersion::k13}};
  // The first word of a value is its name in the reference; RequireClientCert is an old one.
  const Choices<ClientCertificate> authentications = {
      {"RequestClientCert", ClientCertificate::kRequest},
      {"RequireAnyClientCert", ClientCertificate::kRequireAny},
      {"RequireClientCert", ClientCertificate::kRequireAny},
      {"VerifyClientCertIfGiven", ClientCertificate::kVerifyIfGiven},
      {"RequireAndVerifyClientCert", ClientCertificate::kRequireAndVerify},
      {"NoClientCert", ClientCertificate::kNone},
  };
  return {
      absent_if_empty(text_key("cert_file", &TlsServer::certificate_pem, file_rule(context),
                               "The server's certificate and those between it and its CA, PEM.")),
      absent_if_empty(
          text_key("key_file", &TlsServer::key_pem, file_rule(context), "The key of the certificate, PEM.")),
      absent_if_empty(text_key("cert", &TlsServer::certificate_pem, pem_rule(),
                               "The certificate itself, in place of `cert_file`.")),
      absent_if_empty(text_key("key", &TlsServer::key_pem, pem_rule(), "The key itself, in place of `key_file`.")),
      absent_if_empty(
          choice_key("client_auth_type", &TlsServer::client_certificate, authentications,
                     "Whether clients need a certificate. Only RequireAndVerifyClientCert authenticates all of them.")),
      absent_if_empty(text_key("client_ca_file", &TlsServer::client_ca_pem, file_rule(context),
                               "The CAs of the clients' certificates, PEM; without it those of the system.")),
      absent_if_empty(
          text_key("client_ca", &TlsServer::client_ca_pem, pem_rule(), "The same, in place of `client_ca_file`.")),
      sans_key(),
      choice_key("min_version", &TlsServer::min_version, versions, "The oldest version that is spoken."),
      choice_key("max_version", &TlsServer::max_version, versions, "The newest version that is spoken."),
      cipher_suites_key(),
      yaml_bool_key("prefer_server_cipher_suites", &TlsServer::prefer_server_cipher_suites,
                    "Whether our order of ciphers counts, or the client's."),
      curves_key(),
  };
}

// What no single key can tell. `map` is tls_server_config.
void check_together(ErrorLog& log, const Value& map, const TlsServer& tls) {
  const auto given = [&](std::string_view key) {
    const YamlNode* entry = find_entry(*map.node, key);
    return entry != nullptr && !is_absent(*entry);
  };
  for (const std::string name : {"cert", "key", "client_ca"}) {
    if (given(name) && given(name + "_file")) {
      add_error(log, map.child(name, *find_entry(*map.node, name)),
                quoted(name + "_file") + " is given too; one of them is enough");
    }
  }
  for (const std::string name : {"cert", "key"}) {
    if (!given(name) && !given(name + "_file")) {
      add_error(log, map, "missing key " + quoted(name + "_file"));
    }
  }
  if (tls.min_version > tls.max_version && given("min_version")) {
    add_error(log, map.child("min_version", *find_entry(*map.node, "min_version")),
              "newer than max_version, so that no version is left");
  } else if (tls.min_version > tls.max_version) {
    add_error(log, map.child("max_version", *find_entry(*map.node, "max_version")),
              "older than min_version, which is TLS12 by default");
  }
  const bool requires_certificate = tls.client_certificate == ClientCertificate::kRequireAny ||
                                    tls.client_certificate == ClientCertificate::kRequireAndVerify;
  if (tls.client_certificate == ClientCertificate::kNone && (given("client_ca") || given("client_ca_file"))) {
    add_error(log, map, "client CAs have no effect without a client_auth_type such as RequireAndVerifyClientCert");
  }
  if (!requires_certificate && given("client_allowed_sans")) {
    add_error(log, map.child("client_allowed_sans", *find_entry(*map.node, "client_allowed_sans")),
              "needs a client_auth_type that requires a certificate: RequireAnyClientCert or "
              "RequireAndVerifyClientCert");
  }
}

}  // namespace

Key<core::WebSecurity> tls_server_key(const WebContext& context) {
  const std::vector<Key<TlsServer>> keys = tls_keys(context);
  const std::string name = "tls_server_config";
  return {.row = {name, "map", "off", "", "Speaks TLS, and nothing else. Takes a restart to switch on or off."},
          .children = rows_of(keys, name + "."),
          .read = [keys, check_tls = context.check_tls](ErrorLog& log, const Value& value, core::WebSecurity& out) {
            if (value.node->kind == NodeKind::kNull ||
                (value.node->kind == NodeKind::kMap && value.node->entries.empty())) {
              return;
            }
            const bool clean = log.empty();
            TlsServer& tls = out.tls.emplace();
            read_map(log, value, keys, tls);
            if (value.node->kind == NodeKind::kMap) {
              check_together(log, value, tls);
            }
            if (clean && log.empty() && check_tls) {
              if (const auto checked = check_tls(tls); !checked) {
                add_error(log, value, checked.error().message);
              }
            }
          }};
}

}  // namespace tcpperf::config

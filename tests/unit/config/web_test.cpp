// The web configuration file. That it accepts what promtool accepts is tested end to end.
#include "config/web.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "support.h"

using namespace tcpperf;
using namespace std::chrono_literals;
using tcpperf::test::Errors;

namespace {

const std::string kHash = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

// A file's content is its name, and those whose name begins with "no" are not there.
core::Result<std::string> read_file(const std::string& path) {
  return path.starts_with("no") ? core::Result<std::string>(core::Error{"open " + path + ": No such file or directory"})
                                : core::Result<std::string>("content of " + path);
}

config::WebParseOutcome parse_web(const std::string& text) {
  return config::parse_web_config(text, {read_file, [](const core::TlsServer& tls) -> core::Result<void> {
                                           if (tls.key_pem == "content of bad") {
                                             return core::Error{"the key does not belong to the certificate"};
                                           }
                                           return {};
                                         }});
}

core::WebSecurity valid_web(const std::string& text) {
  const auto outcome = parse_web(text);
  for (const auto& error : outcome.errors) {
    UNSCOPED_INFO(config::format_error("file", error));
  }
  REQUIRE(outcome.security);
  return *outcome.security;
}

Errors web_errors(const std::string& text) {
  const auto outcome = parse_web(text);
  CHECK_FALSE(outcome.security);
  Errors errors;
  for (const auto& error : outcome.errors) {
    errors.push_back(std::to_string(error.line) + ":" + std::to_string(error.column) + ": " + error.message);
  }
  return errors;
}

}  // namespace

TEST_CASE("an empty web configuration asks for nothing", "[config][web]") {
  CHECK(valid_web("") == core::WebSecurity());
  CHECK(valid_web("tls_server_config: {}\nbasic_auth_users:\nhttp_server_config:\nrate_limit:\n") ==
        core::WebSecurity());
}

TEST_CASE("every key of the web configuration arrives", "[config][web]") {
  const core::WebSecurity web = valid_web(
      "tls_server_config:\n  cert_file: c\n  key_file: k\n  client_ca_file: a\n"
      "  client_auth_type: RequireClientCert\n  client_allowed_sans: [x, 192.0.2.1]\n  min_version: TLS11\n"
      "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n"
      "  prefer_server_cipher_suites: false\n  curve_preferences: [CurveP521, X25519]\n"
      "http_server_config:\n  http2: false\n  headers: {X-Frame-Options: deny, X-XSS-Protection: '0'}\n"
      "basic_auth_users: {ann: " +
      kHash + "}\nrate_limit: {interval: 1500ms, burst: 7}\n");
  REQUIRE(web.tls);
  CHECK(web.tls->certificate_pem == "content of c");
  CHECK(web.tls->key_pem == "content of k");
  CHECK(web.tls->client_ca_pem == "content of a");
  CHECK(web.tls->client_certificate == core::ClientCertificate::kRequireAny);
  CHECK(web.tls->client_allowed_sans == std::vector<std::string>{"x", "192.0.2.1"});
  CHECK(web.tls->min_version == core::TlsVersion::k11);
  CHECK(web.tls->max_version == core::TlsVersion::k12);
  REQUIRE(web.tls->cipher_suites.size() == 1);
  CHECK(web.tls->cipher_suites[0].cipher == core::Cipher::kAes128Gcm);
  CHECK_FALSE(web.tls->prefer_server_cipher_suites);
  CHECK(web.tls->curves == std::vector<core::TlsCurve>{core::TlsCurve::kP521, core::TlsCurve::kX25519});
  CHECK_FALSE(web.http.http2);
  CHECK(web.http.headers ==
        std::vector<std::pair<std::string, std::string>>{{"X-Frame-Options", "deny"}, {"X-XSS-Protection", "0"}});
  CHECK(web.users.at("ann") == kHash);
  CHECK(web.rate_limit == core::RateLimit{1500ms, 7});
}

TEST_CASE("files that cannot be read, and keys that do not fit, are errors at their place", "[config][web]") {
  CHECK(web_errors("tls_server_config:\n  cert_file: c\n  key_file: none\n") ==
        Errors{"3:13: tls_server_config.key_file: open none: No such file or directory"});
  CHECK(web_errors("tls_server_config:\n  cert_file: c\n  key_file: bad\n") ==
        Errors{"2:3: tls_server_config: the key does not belong to the certificate"});
}

TEST_CASE("what only makes sense together is checked together", "[config][web]") {
  CHECK(web_errors("tls_server_config: {min_version: TLS13}") ==
        Errors{"1:20: tls_server_config: missing key 'cert_file'", "1:20: tls_server_config: missing key 'key_file'"});
  CHECK(web_errors("tls_server_config: {cert_file: c, key_file: k, cert: '-----BEGIN '}") ==
        Errors{"1:54: tls_server_config.cert: 'cert_file' is given too; one of them is enough"});
  CHECK(web_errors("tls_server_config: {cert_file: c, key_file: k, max_version: TLS11}") ==
        Errors{"1:61: tls_server_config.max_version: older than min_version, which is TLS12 by default"});
  CHECK(web_errors("tls_server_config: {cert_file: c, key_file: k, client_ca_file: a}").size() == 1);
  CHECK(web_errors("tls_server_config: {cert_file: c, key_file: k, client_auth_type: VerifyClientCertIfGiven, "
                   "client_allowed_sans: [a]}")
            .size() == 1);
  CHECK(web_errors("rate_limit: {interval: 1s}") ==
        Errors{"1:13: rate_limit: with an interval and a burst of 0 no request would ever be served"});
}

TEST_CASE("an empty list of names that are allowed is an error at its place", "[config][web]") {
  const std::string pair = "tls_server_config: {cert_file: c, key_file: k, client_auth_type: RequireAnyClientCert, ";
  CHECK(
      web_errors(pair + "client_allowed_sans: []}") ==
      Errors{"1:109: tls_server_config.client_allowed_sans: an empty list would admit nobody; name somebody, or leave "
             "the key out to admit any"});
  CHECK(valid_web(pair + "client_allowed_sans: }").tls->client_allowed_sans.empty());
}

TEST_CASE("booleans are those of YAML 1.1, without quotes", "[config][web]") {
  for (const std::string word : {"no", "No", "NO", "off", "Off", "OFF", "n", "N", "false", "False", "FALSE"}) {
    INFO(word);
    CHECK_FALSE(valid_web("http_server_config: {http2: " + word + "}").http.http2);
  }
  for (const std::string word : {"yes", "Yes", "YES", "on", "On", "ON", "y", "Y", "true", "True", "TRUE"}) {
    INFO(word);
    CHECK(valid_web("tls_server_config: {cert_file: c, key_file: k, prefer_server_cipher_suites: " + word + "}")
              .tls->prefer_server_cipher_suites);
  }
  CHECK(valid_web("http_server_config: {http2: }").http.http2);
  CHECK(web_errors("http_server_config: {http2: \"false\"}") ==
        Errors{"1:29: http_server_config.http2: expected true or false without quotes"});
  CHECK(web_errors("http_server_config: {http2: oN}").size() == 1);
}

TEST_CASE("what is empty is not there", "[config][web]") {
  const core::WebSecurity web = valid_web(
      "tls_server_config: {cert_file: c, key_file: k, cert: '', key: , client_auth_type: '', client_ca: , "
      "client_ca_file: ''}\nhttp_server_config: {headers: {Content-Security-Policy: , X-XSS-Protection: ''}}");
  REQUIRE(web.tls);
  CHECK(web.tls->certificate_pem == "content of c");
  CHECK(web.tls->client_certificate == core::ClientCertificate::kNone);
  CHECK(web.tls->client_ca_pem.empty());
  CHECK(web.http.headers.empty());
  CHECK(web_errors("tls_server_config: {cert_file: '', key_file: k}") ==
        Errors{"1:20: tls_server_config: missing key 'cert_file'"});
}

TEST_CASE("intervals are written as in Go", "[config][web]") {
  const std::vector<std::pair<std::string, std::chrono::nanoseconds>> good = {
      {"1.5s", 1500ms}, {"1m30s", 90s}, {"30s1m", 90s},   {"24h", 24h},      {"250ms", 250ms},
      {".5s", 500ms},   {"1.s", 1s},    {"2us", 2us},     {"2\u00b5s", 2us}, {"1h1m1s1ms1us1ns", 3661001001001ns},
      {"0", 0ns},       {"\"0\"", 0ns}, {"1000000", 1ms}, {"", 0ns},         {"0s", 0ns}};
  for (const auto& [text, interval] : good) {
    INFO(text);
    CHECK(valid_web("rate_limit: {interval: " + text + ", burst: 1}").rate_limit.interval == interval);
  }
  for (const std::string text : {"-1s", "+1s", "1 s", "1d", "s", ".", "1.2.3s", "25h", "1e3s", "\"1000\"",
                                 "99999999999999999999h", "[]", "inf", "1s2"}) {
    INFO(text);
    CHECK(web_errors("rate_limit: {interval: " + text + ", burst: 1}").size() == 1);
  }
}

TEST_CASE("a header has no control characters", "[config][web]") {
  for (const std::string text : {"\\n", "\\r", "\\t", "\\0", "\\x7f"}) {
    CHECK(web_errors("http_server_config: {headers: {X-XSS-Protection: \"0" + text + "\"}}").size() == 1);
  }
  CHECK(valid_web("http_server_config: {headers: {X-XSS-Protection: \"\u00e9 ~\"}}").http.headers.size() == 1);
}

TEST_CASE("a secret is in no message", "[config][web]") {
  for (const std::string text :
       {"basic_auth_users: {a: my-secret}", "tls_server_config: {cert: my-secret, key: my-secret}",
        "basic_auth_users: {a: $2y$99$my-secret}"}) {
    for (const std::string& error : web_errors(text)) {
      CHECK(error.find("my-secret") == std::string::npos);
    }
  }
}

TEST_CASE("only bcrypt hashes that can be checked in bounded time are taken", "[config][web]") {
  const auto with = [](const std::string& start) { return start + kHash.substr(start.size()); };
  for (const char* start : {"$2a$04$", "$2b$10$", "$2y$16$"}) {
    CHECK(config::check_bcrypt_hash(with(start)));
  }
  for (const char* start : {"$2x$10$", "$1y$10$", "$2y$03$", "$2y$17$", "$2y$1a$", "$2y-10$", "$2y$10-"}) {
    CHECK_FALSE(config::check_bcrypt_hash(with(start)));
  }
  CHECK_FALSE(config::check_bcrypt_hash(kHash + "a"));
  CHECK_FALSE(config::check_bcrypt_hash(kHash.substr(1)));
  CHECK_FALSE(config::check_bcrypt_hash(kHash.substr(0, 59) + "!"));
}

TEST_CASE("the reference of the web configuration has every key once, with a meaning", "[config][web]") {
  std::vector<std::string> paths;
  for (const config::KeyRow& row : config::web_key_rows()) {
    INFO(row.path);
    CHECK_FALSE(row.type.empty());
    CHECK_FALSE(row.meaning.empty());
    paths.push_back(row.path);
  }
  CHECK(paths.size() == 26);
  std::sort(paths.begin(), paths.end());
  CHECK(std::adjacent_find(paths.begin(), paths.end()) == paths.end());
}

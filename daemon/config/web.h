// The web configuration file (--web.config.file), in the format of Prometheus' exporter-toolkit. Pure; any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/error.h"
#include "config/keys.h"
#include "core/base/result.h"
#include "core/web/security.h"

namespace tcpperf::config {

struct WebContext {
  // The content of a file that the configuration names, by the path as written; its error becomes the error of the key.
  std::function<core::Result<std::string>(const std::string& path)> read_file;
  // Whether TLS can be had so; its error becomes the error of tls_server_config. Empty: it is not asked.
  std::function<core::Result<void>(const core::TlsServer&)> check_tls{};
};

// Exactly one of the two.
struct WebParseOutcome {
  std::optional<core::WebSecurity> security;
  std::vector<ConfigError> errors;
};

// An empty text asks for nothing: no TLS, no password. Never throws, whatever the text is.
WebParseOutcome parse_web_config(std::string_view text, const WebContext& context);

std::vector<KeyRow> web_key_rows();
// The keys as a Markdown table.
std::string web_config_reference();

// Whether it has the form of a bcrypt hash that can be checked here; the error says what was expected.
core::Result<void> check_bcrypt_hash(std::string_view text);

}  // namespace tcpperf::config

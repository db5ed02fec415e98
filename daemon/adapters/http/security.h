// What the web configuration asks for, made ready for the server.
#pragma once

#include <functional>
#include <memory>

#include "core/base/result.h"
#include "core/web/security.h"

namespace tcpperf::adapters::http {

class Tls;  // credentials of GnuTLS

// Immutable, any thread; connections keep the one they began with.
struct Security {
  core::WebSecurity settings;
  std::shared_ptr<const Tls> tls;  // null: plain HTTP
};

// The error says what GnuTLS has against it: a key that does not fit the certificate, cipher suites it cannot express.
core::Result<std::shared_ptr<const Security>> make_security(core::WebSecurity settings);

// The security in force. Asked for every connection and every request, by the server's threads; never null.
using SecuritySource = std::function<std::shared_ptr<const Security>()>;

}  // namespace tcpperf::adapters::http

// The sections of the web configuration file, one key table each. Internal to this room.
#pragma once

#include "config/keys.h"
#include "config/web.h"

namespace tcpperf::config {

Key<core::WebSecurity> tls_server_key(const WebContext& context);

}  // namespace tcpperf::config

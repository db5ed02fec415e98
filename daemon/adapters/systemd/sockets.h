// Sockets that the service manager has opened for us: socket activation, sd_listen_fds(3).
#pragma once

#include <vector>

#include "core/base/result.h"

namespace tcpperf::adapters {

// The descriptors, which are the caller's from here on, and nobody's after a second call. The error says what to do
// when there are none. Changes the environment: to be called before there are threads.
core::Result<std::vector<int>> take_activation_sockets();

}  // namespace tcpperf::adapters

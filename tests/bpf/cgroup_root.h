// The root of the unified control group hierarchy, wherever or whether the system has mounted it.
#pragma once

#include "support/socket.h"

namespace tcpperf::test {

// A descriptor of its directory; "/proc/self/fd/<n>" is its path while it is open. Throws std::runtime_error.
Socket open_cgroup_root();

}  // namespace tcpperf::test

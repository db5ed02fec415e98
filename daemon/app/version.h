// The version of this build, from CMake.
#pragma once

namespace tcpperf::app {
inline constexpr const char* kVersion = TCPPERF_VERSION;
}  // namespace tcpperf::app

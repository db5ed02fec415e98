// A file of /proc as text.
#pragma once

#include <string>

#include "core/base/result.h"

namespace tcpperf::adapters {

// Such a file has no size: it is read until its end.
core::Result<std::string> read_proc_file(const std::string& path);

}  // namespace tcpperf::adapters

// What a kernel offers a hook, as far as it tells without loading anything. Needs no privilege.
#pragma once

#include <string_view>

#include "adapters/bpf/kernel.h"
#include "core/probe/descriptor.h"
#include "core/probe/health.h"

namespace tcpperf::adapters::bpf {

// kAttached stands for "can be tried", else kMissing with the reason. `cgroup_root`: where the cgroup2 hierarchy is
// mounted, empty when it is not.
core::HookState offer_to(const core::HookDescriptor& hook, const Kernel& kernel, std::string_view cgroup_root);

}  // namespace tcpperf::adapters::bpf

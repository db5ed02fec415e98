// What a kernel offers a hook, as far as it tells without loading anything. Needs no privilege.
#pragma once

#include <string_view>

#include "adapters/bpf/kernel.h"
#include "adapters/bpf/object.h"
#include "core/probe/descriptor.h"
#include "core/probe/health.h"

namespace tcpperf::adapters::bpf {

// kAttached stands for "can be tried", else kMissing with the reason. `object`: the one that fits the kernel, or
// nullptr when it cannot be opened, which is told when it is loaded. `cgroup_root`: where the cgroup2 hierarchy is
// mounted, empty when it is not.
core::HookState offer_to(const core::HookDescriptor& hook, const Kernel& kernel, const Object* object,
                         std::string_view cgroup_root);

}  // namespace tcpperf::adapters::bpf

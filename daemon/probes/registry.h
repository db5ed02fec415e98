// The table of probes and the table of hooks. Plain data; any thread.
#pragma once

#include "core/probe/descriptor.h"

namespace tcpperf::probes {

// Every probe of probes.def, in its order.
core::ProbeTable probe_table();

// Every BPF program that a probe may listen on.
core::HookTable hook_table();

}  // namespace tcpperf::probes

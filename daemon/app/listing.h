// `--probes.list` and the generated documents, as text.
#pragma once

#include <string>

#include "core/probe/descriptor.h"

namespace tcpperf::app {

std::string list_probes(core::ProbeTable probes, core::HookTable hooks);

// docs/metrics.md and docs/configuration.md.
std::string metric_document(core::ProbeTable probes);
std::string configuration_document(core::ProbeTable probes);

}  // namespace tcpperf::app

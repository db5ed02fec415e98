// `--probes.list` and the generated documents, as text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/probe/descriptor.h"
#include "core/probe/health.h"

namespace tcpperf::app {

// What is known of this host without loading anything.
struct HostView {
  std::string kernel;                   // "Linux 6.1.0-50-amd64 x86_64"
  std::optional<core::Error> obstacle;  // why no probe can measure on this kernel
  std::vector<core::HookState> offers;  // of every hook, unless there is an obstacle; see offer_to()
  std::string refusal;                  // why this process may not load programs; empty when it may
};
HostView view_host(core::HookTable hooks);

// Each probe as it comes with its defaults: whether this kernel can carry it, its hooks, metrics and signals.
std::string list_probes(core::ProbeTable probes, core::HookTable hooks, const HostView& host);

// docs/metrics.md and docs/configuration.md.
std::string metric_document(core::ProbeTable probes);
std::string configuration_document(core::ProbeTable probes);

}  // namespace tcpperf::app

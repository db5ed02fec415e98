// The reference tables of the documentation, from the descriptors.
#pragma once

#include <span>
#include <string>

#include "core/metrics/metric.h"
#include "core/probe/descriptor.h"

namespace tcpperf::core {

// A sentence on grouping and a Markdown table of every metric: name, type, unit, labels, probe, meaning. `own_metrics`
// are those of the daemon itself; they follow the probes'. Never null.
std::string metric_table(ProbeTable probes, std::span<const MetricSpec* const> own_metrics);

// A Markdown table of every signal that a condition may use: name, unit, how it is made, probe, meaning.
std::string signal_table(ProbeTable probes);

}  // namespace tcpperf::core

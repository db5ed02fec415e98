// Families as the daemon serves them, with the hard cases: every kind, no labels, awkward label values and help.
#pragma once

#include <vector>

#include <prometheus/metric_family.h>

namespace tcpperf::tests {

std::vector<prometheus::MetricFamily> sample_page();

}  // namespace tcpperf::tests

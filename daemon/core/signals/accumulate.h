// Values of several series as one.
#pragma once

#include <algorithm>

#include "core/histogram/histogram.h"
#include "core/metrics/metric.h"

namespace tcpperf::core {

inline void accumulate(const MetricSpec& spec, double& total, double value) {
  total = spec.greatest ? std::max(total, value) : total + value;
}

// There is no greatest histogram.
inline void accumulate(const MetricSpec& /*spec*/, Histogram& total, const Histogram& value) {
  total = merge(total, value);
}

}  // namespace tcpperf::core

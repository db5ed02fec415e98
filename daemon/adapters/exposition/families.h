// From our snapshot to the Prometheus data model.
#pragma once

#include <prometheus/metric_family.h>

#include "core/metrics/snapshot.h"

namespace tcpperf::adapters::exposition {

// Histograms get classic cumulative buckets at `buckets_per_octave` borders per power of two (1, 2, 4 or 8) over the
// range of their spec; +Inf is the sample count. Precondition: every series has one value per label of its spec and of
// its group, of the kind of its spec.
prometheus::MetricFamily to_metric_family(const core::Family& family, int buckets_per_octave);

}  // namespace tcpperf::adapters::exposition

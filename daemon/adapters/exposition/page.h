// A page of metrics, in any of the formats.
#pragma once

#include <string>

#include "adapters/exposition/format.h"
#include "core/metrics/histogram_exposition.h"
#include "core/metrics/snapshot.h"

namespace tcpperf::adapters::exposition {

// Of the same snapshot every format has the same numbers; a metric without series is on none. Precondition: that of
// to_metric_family().
std::string encode_page(const core::Snapshot& snapshot, Format format, const core::HistogramExposition& histograms);

}  // namespace tcpperf::adapters::exposition

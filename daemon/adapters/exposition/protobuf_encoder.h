// Encoder of the protobuf format, which is the only one with native histograms.
#pragma once

#include <string>

#include "core/metrics/histogram_exposition.h"
#include "core/metrics/snapshot.h"

namespace tcpperf::adapters::exposition {

// One io.prometheus.client.MetricFamily per metric that has series, each behind its length. Families, series and labels
// are those of the text page, in the same order. A family whose base name ends in its unit carries that UNIT.
//
// Native histograms are of schema 3, bucket for bucket what the kernel counted. Their zero bucket holds what is exactly
// 0; its threshold is nevertheless 2^-128, as in Prometheus' own clients: no observation lies between, and without it
// Prometheus 2.42 takes a histogram for a classic one until something is observed. Later ones, and others who read this
// format, know it by its span, which is empty then.
//
// Works on the snapshot itself and not on prometheus::MetricFamily, which has no place for native buckets. Any thread.
// Precondition: that of to_metric_family().
std::string encode_protobuf(const core::Snapshot& snapshot, const core::HistogramExposition& histograms);

}  // namespace tcpperf::adapters::exposition

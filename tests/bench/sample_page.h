// A page as large as one likes, the same for everybody who is compared.
#pragma once

#include <cstdint>

#include "core/metrics/snapshot.h"

namespace tcpperf::bench {

inline constexpr int kBucketsInUse = 40;

// So many histograms with 40 buckets in use and two labels, in families of 100; numbers by a fixed seed.
core::Snapshot sample_page(std::int64_t histograms);

}  // namespace tcpperf::bench

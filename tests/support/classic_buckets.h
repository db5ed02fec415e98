// A classic histogram in one piece, to compare with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/histogram/histogram.h"

namespace tcpperf::test {

// How many observations were <= upper_bound.
struct ClassicBucket {
  double upper_bound = 0;
  std::uint64_t cumulative_count = 0;
};

// Without +Inf.
inline std::vector<ClassicBucket> classic_buckets(const core::Histogram& h, core::BorderRange range, int per_octave) {
  const std::vector<double> borders = core::classic_borders(range, per_octave);
  std::vector<std::uint64_t> counts;
  core::cumulative_counts(h, range, per_octave, counts);
  std::vector<ClassicBucket> buckets;
  for (std::size_t i = 0; i < borders.size(); ++i) {
    buckets.push_back({borders[i], counts.at(i)});
  }
  return buckets;
}

}  // namespace tcpperf::test

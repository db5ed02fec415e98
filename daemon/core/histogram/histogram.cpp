#include "core/histogram/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "abi/histogram.h"

namespace tcpperf::core {
namespace {

// Restores the invariant: no zero at either end.
void trim(Histogram& h) {
  const auto first = std::find_if(h.buckets.begin(), h.buckets.end(), [](auto n) { return n != 0; });
  h.first_index += static_cast<std::int32_t>(first - h.buckets.begin());
  h.buckets.erase(h.buckets.begin(), first);
  while (!h.buckets.empty() && h.buckets.back() == 0) {
    h.buckets.pop_back();
  }
  if (h.buckets.empty()) {
    h.first_index = 0;
  }
}

std::int32_t end_index(const Histogram& h) {
  return h.first_index + static_cast<std::int32_t>(h.buckets.size());
}

// BPF programs write while we read: one plain 64-bit load each, never torn, never repeated.
std::uint64_t load(const tcpperf_u64& word) {
  return __atomic_load_n(&word, __ATOMIC_RELAXED);
}

}  // namespace

std::uint64_t Histogram::count() const {
  return std::accumulate(buckets.begin(), buckets.end(), zero_count);
}

std::uint64_t Histogram::at(std::int32_t index) const {
  if (buckets.empty() || index < first_index || index >= end_index(*this)) {
    return 0;
  }
  return buckets[static_cast<std::size_t>(index - first_index)];
}

double upper_border(std::int32_t index) {
  const std::int32_t octave = index >= 0
                                  ? index / Histogram::kBucketsPerOctave
                                  : -((-index + Histogram::kBucketsPerOctave - 1) / Histogram::kBucketsPerOctave);
  const std::int32_t inner = index - octave * Histogram::kBucketsPerOctave;
  return std::ldexp(std::exp2(static_cast<double>(inner) / Histogram::kBucketsPerOctave), octave);
}

Histogram from_kernel(const tcpperf_histogram& raw, int unit_exponent, double sum_units) {
  Histogram h;
  h.zero_count = load(raw.zero);
  h.sum = std::ldexp(sum_units, unit_exponent);
  std::int32_t last = -1;
  for (std::int32_t i = 0; i < TCPPERF_HISTOGRAM_BUCKETS; ++i) {
    const std::uint64_t n = load(raw.bucket[i]);
    if (n == 0) {
      continue;
    }
    if (last < 0) {
      h.first_index = i + unit_exponent * Histogram::kBucketsPerOctave;
    } else {
      h.buckets.resize(h.buckets.size() + static_cast<std::size_t>(i - last - 1), 0);
    }
    h.buckets.push_back(n);
    last = i;
  }
  return h;
}

double SumExtender::extend(std::uint64_t raw_sum) {
  if (raw_sum < last_) {
    ++wraps_;
  }
  last_ = raw_sum;
  return std::ldexp(static_cast<double>(wraps_), 64) + static_cast<double>(raw_sum);
}

void SumExtender::take_over(SumExtender& other) {
  wraps_ += other.wraps_;
  other = {};
}

Histogram merge(const Histogram& a, const Histogram& b) {
  if (a.buckets.empty() || b.buckets.empty()) {
    Histogram h = a.buckets.empty() ? b : a;
    h.zero_count = a.zero_count + b.zero_count;
    h.sum = a.sum + b.sum;
    return h;
  }
  Histogram h;
  h.zero_count = a.zero_count + b.zero_count;
  h.sum = a.sum + b.sum;
  h.first_index = std::min(a.first_index, b.first_index);
  const std::int32_t end = std::max(end_index(a), end_index(b));
  h.buckets.resize(static_cast<std::size_t>(end - h.first_index));
  for (std::int32_t i = h.first_index; i < end; ++i) {
    h.buckets[static_cast<std::size_t>(i - h.first_index)] = a.at(i) + b.at(i);
  }
  return h;
}

Histogram delta(const Histogram& newer, const Histogram& older) {
  if (older.buckets.empty() && newer.zero_count >= older.zero_count) {
    Histogram h = newer;
    h.zero_count -= older.zero_count;
    h.sum -= older.sum;
    return h;
  }
  if (newer.zero_count < older.zero_count || newer.buckets.empty()) {
    return newer;
  }
  Histogram h;
  h.zero_count = newer.zero_count - older.zero_count;
  h.sum = newer.sum - older.sum;
  h.first_index = std::min(newer.first_index, older.first_index);
  const std::int32_t end = std::max(end_index(newer), end_index(older));
  h.buckets.resize(static_cast<std::size_t>(end - h.first_index));
  for (std::int32_t i = h.first_index; i < end; ++i) {
    if (newer.at(i) < older.at(i)) {
      return newer;
    }
    h.buckets[static_cast<std::size_t>(i - h.first_index)] = newer.at(i) - older.at(i);
  }
  trim(h);
  return h;
}

std::optional<double> quantile(const Histogram& h, double q) {
  const std::uint64_t count = h.count();
  if (count == 0) {
    return std::nullopt;
  }
  const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(count);
  auto below = static_cast<double>(h.zero_count);
  if (rank <= below && h.zero_count != 0) {
    return 0.0;
  }
  for (std::size_t i = 0; i < h.buckets.size(); ++i) {
    const auto in_bucket = static_cast<double>(h.buckets[i]);
    if (in_bucket != 0 && rank <= below + in_bucket) {
      const std::int32_t index = h.first_index + static_cast<std::int32_t>(i);
      const double fraction = (rank - below) / in_bucket;
      return std::exp2((index - 1 + fraction) / Histogram::kBucketsPerOctave);
    }
    below += in_bucket;
  }
  return upper_border(end_index(h) - 1);
}

std::vector<double> classic_borders(BorderRange range, int per_octave) {
  const std::int32_t step = Histogram::kBucketsPerOctave / per_octave;
  const std::int32_t last = range.max_exponent * Histogram::kBucketsPerOctave;
  std::vector<double> borders;
  for (std::int32_t border = range.min_exponent * Histogram::kBucketsPerOctave; border <= last; border += step) {
    borders.push_back(upper_border(border));
  }
  return borders;
}

void cumulative_counts(const Histogram& h, BorderRange range, int per_octave, std::vector<std::uint64_t>& counts) {
  const std::int32_t step = Histogram::kBucketsPerOctave / per_octave;
  const std::int32_t last = range.max_exponent * Histogram::kBucketsPerOctave;
  counts.clear();
  std::uint64_t cumulative = h.zero_count;
  auto bucket = h.buckets.begin();
  std::int32_t next = h.first_index;
  for (std::int32_t border = range.min_exponent * Histogram::kBucketsPerOctave; border <= last; border += step) {
    for (; bucket != h.buckets.end() && next <= border; ++next, ++bucket) {
      cumulative += *bucket;
    }
    counts.push_back(cumulative);
  }
}

}  // namespace tcpperf::core

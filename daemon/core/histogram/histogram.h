// Histograms as the daemon holds them: Prometheus native histograms of schema 3, in the base unit, of which only the
// populated range is kept. Everything here is pure and exact in the counts; only quantile() estimates.
//
// Source of the layout: bpf/abi/histogram.h. Source of the bucket borders: the Prometheus native histogram
// specification, (2^((i-1)/8), 2^(i/8)] for bucket i of schema 3.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/metrics/metric.h"

struct tcpperf_histogram;

namespace tcpperf::core {

// A value type; cheap to move. Invariant: `buckets` is empty, or its first and last element are non-zero.
struct Histogram {
  static constexpr int kSchema = 3;
  static constexpr int kBucketsPerOctave = 8;

  std::uint64_t zero_count = 0;        // observations equal to 0
  std::int32_t first_index = 0;        // native index of buckets[0]; meaningless when buckets is empty
  std::vector<std::uint64_t> buckets;  // observations per bucket, consecutive from first_index
  double sum = 0;                      // of all observations, in the base unit

  [[nodiscard]] std::uint64_t count() const;
  // Observations in the native bucket `index`; 0 outside the kept range.
  [[nodiscard]] std::uint64_t at(std::int32_t index) const;

  bool operator==(const Histogram&) const = default;
};

// 2^(index/8): the inclusive upper border of a native bucket, in the base unit.
double upper_border(std::int32_t index);

// Reads a kernel histogram, each word once. `unit_exponent`: one kernel unit is 2^unit_exponent of the base unit
// (TCPPERF_TIME_EXPONENT for time, 0 for bytes and segments). `sum_units` is the caller's value of the kernel's sum:
// the kernel keeps it modulo 2^64, and who reads regularly can extend it (see SumExtender).
Histogram from_kernel(const tcpperf_histogram& raw, int unit_exponent, double sum_units);

// Extends the kernel's sum (modulo 2^64) beyond 64 bits, to the precision of a double. Right as long as less than 2^64
// units are added between two reads. One per histogram in a map; not thread-safe.
class SumExtender {
 public:
  // Returns the full sum in units.
  double extend(std::uint64_t raw_sum);

  // What `other` counted beyond 64 bits is counted here from now on, and `other` begins anew. For a histogram that was
  // added to this one and then set to zero.
  void take_over(SumExtender& other);

 private:
  std::uint64_t last_ = 0;
  std::uint64_t wraps_ = 0;
};

// a + b.
Histogram merge(const Histogram& a, const Histogram& b);

// What was observed between two reads of one histogram. If any bucket shrank, the source was reset in between and
// `newer` is returned whole, as Prometheus treats a counter that went back.
Histogram delta(const Histogram& newer, const Histogram& older);

// The q-quantile (0 <= q <= 1) in the base unit: exact as to the bucket, geometric interpolation inside it (at most
// 9.1 % relative error, the width of a bucket). nullopt for an empty histogram. Observations of value 0 lie at 0.
std::optional<double> quantile(const Histogram& h, double q);

// The borders of a classic histogram: 2^(k/per_octave) of the whole range, without +Inf. Precondition: per_octave is 1,
// 2, 4 or 8.
std::vector<double> classic_borders(BorderRange range, int per_octave);

// How many observations are below each of these borders, or on it; for +Inf that is count(). Exact. Replaces what is in
// `counts`, whose memory is used again: who does this for thousands of histograms brings one vector.
void cumulative_counts(const Histogram& h, BorderRange range, int per_octave, std::vector<std::uint64_t>& counts);

}  // namespace tcpperf::core

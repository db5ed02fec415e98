// The histograms of the daemon: exact in the counts, bounded in the estimates.
#include "core/histogram/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "abi/histogram.h"
#include "catch.h"
#include "support/classic_buckets.h"

using tcpperf::core::BorderRange;
using tcpperf::core::delta;
using tcpperf::core::from_kernel;
using tcpperf::core::Histogram;
using tcpperf::core::merge;
using tcpperf::core::quantile;
using tcpperf::core::SumExtender;
using tcpperf::core::upper_border;
using tcpperf::test::classic_buckets;
using tcpperf::test::ClassicBucket;

namespace {

void observe(tcpperf_histogram& raw, std::uint64_t value) {
  raw.sum += value;
  if (value == 0) {
    ++raw.zero;
  } else {
    ++raw.bucket[tcpperf_histogram_index(value)];
  }
}

Histogram histogram_of(const std::vector<std::uint64_t>& values, int exponent = 0) {
  tcpperf_histogram raw{};
  for (const std::uint64_t value : values) {
    observe(raw, value);
  }
  return from_kernel(raw, exponent, static_cast<double>(raw.sum));
}

// Values of all magnitudes up to 2^bits, zeros among them. Sums of them stay exact in a double.
std::vector<std::uint64_t> random_values(std::mt19937_64& random, std::size_t count, unsigned bits = 40) {
  std::vector<std::uint64_t> values(count);
  for (std::uint64_t& value : values) {
    value = (random() >> (64 - bits)) >> (random() % (bits + 1));
  }
  return values;
}

void check_invariant(const Histogram& h) {
  if (h.buckets.empty()) {
    CHECK(h.first_index == 0);
  } else {
    CHECK(h.buckets.front() != 0);
    CHECK(h.buckets.back() != 0);
  }
}

Histogram make(std::uint64_t zero, std::int32_t first, std::vector<std::uint64_t> buckets, double sum) {
  Histogram h;
  h.zero_count = zero;
  h.first_index = first;
  h.buckets = std::move(buckets);
  h.sum = sum;
  return h;
}

}  // namespace

TEST_CASE("the upper border of bucket i is 2^(i/8), for negative i too", "[histogram]") {
  CHECK(upper_border(0) == 1.0);
  CHECK(upper_border(8) == 2.0);
  CHECK(upper_border(-8) == 0.5);
  CHECK(upper_border(-240) == std::ldexp(1.0, -30));
  CHECK(upper_border(480) == std::ldexp(1.0, 60));
  CHECK(upper_border(4) == Approx(std::sqrt(2.0)).epsilon(1e-15));
  CHECK(upper_border(-1) == Approx(0.917004043204671).epsilon(1e-14));
  CHECK(upper_border(-7) == Approx(0.545253866332629).epsilon(1e-14));
  CHECK(upper_border(-9) == Approx(0.917004043204671 / 2).epsilon(1e-14));
  for (std::int32_t i = -500; i < 500; ++i) {
    CHECK(upper_border(i) < upper_border(i + 1));
    CHECK(upper_border(i + 8) == 2 * upper_border(i));
  }
}

TEST_CASE("a kernel histogram without observations is empty", "[histogram]") {
  const Histogram h = histogram_of({});
  CHECK(h == Histogram{});
  CHECK(h.count() == 0);
}

TEST_CASE("a kernel histogram keeps its counts, and only the populated range", "[histogram]") {
  tcpperf_histogram raw{};
  raw.zero = 3;
  raw.bucket[0] = 1;
  raw.bucket[17] = 5;
  raw.bucket[20] = 2;
  const Histogram h = from_kernel(raw, 0, 77);
  CHECK(h.zero_count == 3);
  CHECK(h.first_index == 0);
  CHECK(h.buckets.size() == 21);
  CHECK(h.at(0) == 1);
  CHECK(h.at(17) == 5);
  CHECK(h.at(18) == 0);
  CHECK(h.at(20) == 2);
  CHECK(h.at(21) == 0);
  CHECK(h.at(-1) == 0);
  CHECK(h.count() == 11);
  CHECK(h.sum == 77);
  check_invariant(h);
}

TEST_CASE("a time histogram is shifted from units of 2^-30 s to seconds", "[histogram]") {
  tcpperf_histogram raw{};
  observe(raw, tcpperf_time_from_us(1'000'000));
  const Histogram h = from_kernel(raw, TCPPERF_TIME_EXPONENT, static_cast<double>(raw.sum));
  CHECK(h.first_index == 0);
  CHECK(h.buckets == std::vector<std::uint64_t>{1});
  CHECK(h.sum == 1.0);
}

TEST_CASE("the first and the last kernel bucket are kept", "[histogram]") {
  const Histogram h = histogram_of({1, UINT64_MAX}, TCPPERF_TIME_EXPONENT);
  CHECK(h.at(-240) == 1);
  CHECK(h.at(240) == 1);
  CHECK(h.count() == 2);
}

TEST_CASE("the sum survives the kernel's wrap at 2^64", "[histogram]") {
  SumExtender extender;
  CHECK(extender.extend(0) == 0);
  CHECK(extender.extend(UINT64_MAX - 1023) == 0x1p64 - 1024);
  CHECK(extender.extend(4096) == 0x1p64 + 4096);
  CHECK(extender.extend(4096) == 0x1p64 + 4096);
  CHECK(extender.extend(8192) == 0x1p64 + 8192);
  CHECK(extender.extend(0) == 0x1p65);
}

TEST_CASE("what one sum had beyond 64 bits can go to another", "[histogram]") {
  SumExtender all;
  SumExtender part;
  all.extend(10);
  part.extend(UINT64_MAX);
  part.extend(4096);
  all.take_over(part);
  CHECK(all.extend(10 + 4096) == 0x1p64 + 4106);
  CHECK(part.extend(7) == 7);
}

TEST_CASE("merging is the histogram of all observations together", "[histogram]") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    const auto a = random_values(random, random() % 50, 8 + random() % 32);
    const auto b = random_values(random, random() % 50, 8 + random() % 32);
    auto all = a;
    all.insert(all.end(), b.begin(), b.end());
    const Histogram merged = merge(histogram_of(a), histogram_of(b));
    REQUIRE(merged == histogram_of(all));
    REQUIRE(merge(histogram_of(b), histogram_of(a)) == merged);
    check_invariant(merged);
  }
}

TEST_CASE("merging with an empty side adds zeros and sum only", "[histogram]") {
  const Histogram full = make(1, -5, {2, 0, 3}, 10);
  const Histogram zeros = make(4, 0, {}, 0);
  CHECK(merge(full, Histogram{}) == full);
  CHECK(merge(Histogram{}, full) == full);
  CHECK(merge(full, zeros) == make(5, -5, {2, 0, 3}, 10));
  CHECK(merge(zeros, full) == make(5, -5, {2, 0, 3}, 10));
  CHECK(merge(Histogram{}, Histogram{}) == Histogram{});
}

TEST_CASE("merging ranges that do not touch fills the gap with zeros", "[histogram]") {
  CHECK(merge(make(0, -3, {1}, 1), make(0, 1, {2, 4}, 2)) == make(0, -3, {1, 0, 0, 0, 2, 4}, 3));
}

TEST_CASE("a delta is what was observed in between", "[histogram]") {
  std::mt19937_64 random(2);
  for (int round = 0; round < 200; ++round) {
    const Histogram before = histogram_of(random_values(random, random() % 50, 8 + random() % 32));
    const Histogram added = histogram_of(random_values(random, random() % 50, 8 + random() % 32));
    const Histogram gained = delta(merge(before, added), before);
    REQUIRE(gained == added);
    check_invariant(gained);
  }
}

TEST_CASE("the delta of a histogram with itself is empty", "[histogram]") {
  const Histogram h = make(2, -4, {1, 0, 7}, 5);
  CHECK(delta(h, h) == Histogram{});
  CHECK(delta(Histogram{}, Histogram{}) == Histogram{});
}

TEST_CASE("the delta to an empty histogram is everything", "[histogram]") {
  const Histogram h = make(2, -4, {1, 0, 7}, 5);
  CHECK(delta(h, Histogram{}) == h);
  CHECK(delta(h, make(1, 0, {}, 0)) == make(1, -4, {1, 0, 7}, 5));
}

TEST_CASE("a delta keeps only the range that gained", "[histogram]") {
  const Histogram older = make(0, -4, {1, 2, 3, 4}, 10);
  const Histogram newer = make(0, -4, {1, 5, 3, 6}, 20);
  CHECK(delta(newer, older) == make(0, -3, {3, 0, 2}, 10));
}

TEST_CASE("a delta knows ranges that grew on both sides", "[histogram]") {
  const Histogram older = make(1, 0, {4, 4}, 8);
  const Histogram newer = make(3, -2, {1, 0, 4, 5, 0, 9}, 30);
  CHECK(delta(newer, older) == make(2, -2, {1, 0, 0, 1, 0, 9}, 22));
}

TEST_CASE("a bucket that shrank is a reset: everything in the newer one was observed since", "[histogram]") {
  const Histogram older = make(5, 0, {4, 4}, 8);
  CHECK(delta(make(5, 0, {3, 9}, 12), older) == make(5, 0, {3, 9}, 12));
  CHECK(delta(make(4, 0, {4, 9}, 12), older) == make(4, 0, {4, 9}, 12));
  CHECK(delta(make(5, 1, {9}, 12), older) == make(5, 1, {9}, 12));
  CHECK(delta(make(5, 0, {9}, 12), older) == make(5, 0, {9}, 12));
  CHECK(delta(make(9, 0, {}, 0), older) == make(9, 0, {}, 0));
  CHECK(delta(Histogram{}, older) == Histogram{});
  CHECK(delta(Histogram{}, make(1, 0, {}, 0)) == Histogram{});
  CHECK(delta(make(0, 0, {1}, 1), make(1, 0, {}, 0)) == make(0, 0, {1}, 1));
}

TEST_CASE("no quantile of nothing", "[histogram]") {
  CHECK_FALSE(quantile(Histogram{}, 0.5).has_value());
}

TEST_CASE("a quantile lies in the bucket of the sorted data's element", "[histogram]") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 100; ++round) {
    auto values = random_values(random, 1 + random() % 2000);
    const Histogram h = histogram_of(values);
    std::sort(values.begin(), values.end());
    for (const double q : {0.0, 0.125, 0.25, 0.5, 0.75, 0.875, 0.96875, 1.0}) {  // exact in binary: no rank is rounded
      const double rank = std::ceil(q * static_cast<double>(values.size()));
      const auto truth = static_cast<double>(values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1]);
      const double estimate = quantile(h, q).value();
      INFO("q " << q << " of " << values.size() << " truth " << truth << " estimate " << estimate);
      if (truth == 0) {
        REQUIRE(estimate == 0);
        continue;
      }
      const auto index = static_cast<std::int32_t>(tcpperf_histogram_index(static_cast<std::uint64_t>(truth)));
      REQUIRE(estimate >= upper_border(index - 1) * (1 - 1e-12));
      REQUIRE(estimate <= upper_border(index) * (1 + 1e-12));
      REQUIRE(std::abs(estimate - truth) <= 0.0906 * truth);
    }
  }
}

TEST_CASE("quantiles inside of one bucket move from its lower to its upper border", "[histogram]") {
  const Histogram h = make(0, 8, {4}, 8);
  CHECK(quantile(h, 0).value() == Approx(upper_border(7)).epsilon(1e-14));
  CHECK(quantile(h, 0.5).value() == Approx(std::exp2(7.5 / 8)).epsilon(1e-14));
  CHECK(quantile(h, 1).value() == Approx(2.0).epsilon(1e-14));
}

TEST_CASE("zeros lie at 0 and count for every quantile", "[histogram]") {
  const Histogram h = make(3, 8, {1}, 2);
  CHECK(quantile(h, 0) == 0.0);
  CHECK(quantile(h, 0.75) == 0.0);
  CHECK(quantile(h, 0.76).value() > 1.8);
  CHECK(quantile(h, 1).value() == Approx(2.0));
  CHECK(quantile(make(7, 0, {}, 0), 1) == 0.0);
}

TEST_CASE("a quantile outside of 0 to 1 is the nearest one inside", "[histogram]") {
  const Histogram h = make(0, 8, {1, 0, 1}, 5);
  CHECK(quantile(h, -1) == quantile(h, 0));
  CHECK(quantile(h, 2) == quantile(h, 1));
}

TEST_CASE("quantiles never fall as q grows", "[histogram]") {
  std::mt19937_64 random(4);
  const Histogram h = histogram_of(random_values(random, 500));
  double last = 0;
  for (int i = 0; i <= 1000; ++i) {
    const double value = quantile(h, i / 1000.0).value();
    REQUIRE(value >= last);
    last = value;
  }
}

TEST_CASE("classic buckets are what counting the raw values gives", "[histogram]") {
  std::mt19937_64 random(5);
  auto values = random_values(random, 3000, 36);
  for (unsigned bit = 0; bit < 36; ++bit) {  // the borders themselves and their neighbours
    values.insert(values.end(), {1ULL << bit, (1ULL << bit) + 1, (1ULL << bit) - 1});
  }
  const Histogram h = histogram_of(values);
  for (const int per_octave : {1, 2, 4, 8}) {
    for (const BorderRange range : {BorderRange{0, 36}, BorderRange{5, 20}, BorderRange{-3, 2}, BorderRange{7, 7}}) {
      const std::vector<ClassicBucket> buckets = classic_buckets(h, range, per_octave);
      const auto octaves = static_cast<std::size_t>(range.max_exponent - range.min_exponent);
      REQUIRE(buckets.size() == octaves * static_cast<std::size_t>(per_octave) + 1);
      CHECK(buckets.front().upper_bound == std::ldexp(1.0, range.min_exponent));
      CHECK(buckets.back().upper_bound == std::ldexp(1.0, range.max_exponent));
      std::uint64_t last = 0;
      for (const ClassicBucket& bucket : buckets) {
        // Only powers of two are integers among the borders, so comparing as doubles is exact.
        const auto expected = std::count_if(values.begin(), values.end(), [&](std::uint64_t value) {
          return static_cast<double>(value) <= bucket.upper_bound;
        });
        INFO("per octave " << per_octave << " le " << bucket.upper_bound);
        REQUIRE(bucket.cumulative_count == static_cast<std::uint64_t>(expected));
        REQUIRE(bucket.cumulative_count >= last);
        last = bucket.cumulative_count;
      }
      CHECK(last <= h.count());
    }
  }
}

TEST_CASE("values above the last classic border are only in the count", "[histogram]") {
  const Histogram h = histogram_of({0, 1, 4, 5, 1000});
  const std::vector<ClassicBucket> buckets = classic_buckets(h, {0, 2}, 1);
  REQUIRE(buckets.size() == 3);
  CHECK(buckets[0].cumulative_count == 2);
  CHECK(buckets[1].cumulative_count == 2);
  CHECK(buckets[2].cumulative_count == 3);
  CHECK(h.count() == 5);
}

TEST_CASE("values below the first classic border are in the first bucket", "[histogram]") {
  const Histogram h = histogram_of({0, 1, 2, 3, 1000});
  const std::vector<ClassicBucket> buckets = classic_buckets(h, {3, 4}, 1);
  CHECK(buckets[0].cumulative_count == 4);
  CHECK(buckets[1].cumulative_count == 4);
}

TEST_CASE("classic buckets of an empty histogram are all there and all zero", "[histogram]") {
  const std::vector<ClassicBucket> buckets = classic_buckets(Histogram{}, {-2, 2}, 2);
  REQUIRE(buckets.size() == 9);
  CHECK(std::all_of(buckets.begin(), buckets.end(), [](const auto& b) { return b.cumulative_count == 0; }));
}

TEST_CASE("a time scaled to kernel units is at or below a power-of-two border exactly when it was before",
          "[histogram]") {
  std::mt19937_64 random(6);
  std::vector<std::uint64_t> nanoseconds;
  for (int exponent = -20; exponent <= 5; ++exponent) {
    const auto border = static_cast<std::uint64_t>(std::ldexp(1e9, exponent));
    nanoseconds.insert(nanoseconds.end(), {border, border + 1, border - 1});
  }
  for (int i = 0; i < 1000; ++i) {
    nanoseconds.push_back(random() >> (25 + random() % 39));
  }
  tcpperf_histogram raw{};
  for (const std::uint64_t ns : nanoseconds) {
    observe(raw, tcpperf_time_from_ns(ns));
  }
  const Histogram h = from_kernel(raw, TCPPERF_TIME_EXPONENT, static_cast<double>(raw.sum));
  for (const ClassicBucket& bucket : classic_buckets(h, {-20, 5}, 1)) {
    const auto expected = std::count_if(nanoseconds.begin(), nanoseconds.end(), [&](std::uint64_t ns) {
      return static_cast<long double>(ns) <= 1e9L * static_cast<long double>(bucket.upper_bound);
    });
    INFO("le " << bucket.upper_bound);
    CHECK(bucket.cumulative_count == static_cast<std::uint64_t>(expected));
  }
}

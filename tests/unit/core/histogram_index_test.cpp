// The kernel's histogram index against arithmetic on big numbers, on every border and on random values.
#include <cstdint>
#include <random>

#include "abi/histogram.h"
#include "catch.h"

namespace {

__extension__ using u128 = unsigned __int128;

// A 1,024-bit unsigned integer with just what the reference needs: value^8 and powers of two, compared.
struct Big {
  std::uint32_t word[32] = {};

  static Big power_of_8(std::uint64_t v) {
    Big result;
    result.word[0] = 1;
    for (int i = 0; i < 8; ++i) {
      result = result.times(v);
    }
    return result;
  }
  static Big power_of_two(unsigned bit) {
    Big result;
    result.word[bit / 32] = 1U << (bit % 32);
    return result;
  }
  Big times(std::uint64_t v) const {
    Big result;
    for (int half = 0; half < 2; ++half) {
      const std::uint64_t factor = half == 0 ? v & 0xffffffffU : v >> 32;
      std::uint64_t carry = 0;
      for (int i = 0; i + half < 32; ++i) {
        const u128 sum = static_cast<u128>(word[i]) * factor + result.word[i + half] + carry;
        result.word[i + half] = static_cast<std::uint32_t>(sum);
        carry = static_cast<std::uint64_t>(sum >> 32);
      }
    }
    return result;
  }
  bool operator<=(const Big& other) const {
    for (int i = 31; i >= 0; --i) {
      if (word[i] != other.word[i]) {
        return word[i] < other.word[i];
      }
    }
    return true;
  }
};

// The smallest i with v <= 2^(i/8), that is v^8 <= 2^i.
unsigned reference_index(std::uint64_t v) {
  const Big power = Big::power_of_8(v);
  unsigned low = 0;
  unsigned high = 8 * 64;
  while (low < high) {
    const unsigned middle = (low + high) / 2;
    if (power <= Big::power_of_two(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low < TCPPERF_HISTOGRAM_BUCKETS ? low : TCPPERF_HISTOGRAM_BUCKETS - 1;
}

// floor(2^(i/8)): the largest integer in bucket i.
std::uint64_t largest_in_bucket(unsigned index) {
  std::uint64_t low = 1;
  std::uint64_t high = UINT64_MAX;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2 + 1;
    if (Big::power_of_8(middle) <= Big::power_of_two(index)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

}  // namespace

TEST_CASE("the histogram index agrees with big numbers on both sides of every border", "[histogram]") {
  for (unsigned i = 0; i < 8 * 64; ++i) {
    const std::uint64_t border = largest_in_bucket(i);
    for (const std::uint64_t v : {border - 1, border, border + 1}) {
      if (v == 0) {
        continue;
      }
      INFO("border " << i << " value " << v);
      CHECK(tcpperf_histogram_index(v) == reference_index(v));
    }
  }
}

TEST_CASE("the histogram index agrees with big numbers on a million random values", "[histogram]") {
  std::mt19937_64 random(20261122);
  std::size_t wrong = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const std::uint64_t v = (random() >> (random() % 64)) | 1;
    wrong += tcpperf_histogram_index(v) != reference_index(v) ? 1 : 0;
  }
  CHECK(wrong == 0);
}

TEST_CASE("the last bucket takes everything from 2^60 units on", "[histogram]") {
  CHECK(tcpperf_histogram_index(1ULL << 60) == TCPPERF_HISTOGRAM_BUCKETS - 1);
  CHECK(tcpperf_histogram_index((1ULL << 60) - 1) == TCPPERF_HISTOGRAM_BUCKETS - 1);
  CHECK(tcpperf_histogram_index(UINT64_MAX) == TCPPERF_HISTOGRAM_BUCKETS - 1);
}

TEST_CASE("time is scaled to 2^-30 s, rounded up, without overflow", "[histogram]") {
  std::mt19937_64 random(7);
  std::size_t wrong = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const std::uint64_t ns = random() >> (random() % 64);
    const u128 exact = ((static_cast<u128>(ns) << 30) + 999'999'999) / 1'000'000'000;
    wrong += tcpperf_time_from_ns(ns) != static_cast<std::uint64_t>(exact) ? 1 : 0;
    const auto us = static_cast<std::uint32_t>(ns);
    const u128 exact_us = ((static_cast<u128>(us) << 30) + 999'999) / 1'000'000;
    wrong += tcpperf_time_from_us(us) != static_cast<std::uint64_t>(exact_us) ? 1 : 0;
  }
  CHECK(wrong == 0);
  CHECK(tcpperf_time_from_us(1'000'000) == 1ULL << 30);
  CHECK(tcpperf_time_from_ns(UINT64_MAX) ==
        static_cast<std::uint64_t>(((static_cast<u128>(UINT64_MAX) << 30) + 999'999'999) / 1'000'000'000));
}

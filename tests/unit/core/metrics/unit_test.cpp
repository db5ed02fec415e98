// What a kernel histogram counts, in the base unit of its metric.
#include "abi/histogram.h"
#include "catch.h"
#include "core/histogram/histogram.h"
#include "core/metrics/metric.h"

namespace {

using tcpperf::core::kernel_exponent;
using tcpperf::core::Unit;

constexpr tcpperf_u32 kGreatest = 0xffffffff;

}  // namespace

TEST_CASE("time and ratios have units below one, everything else is counted as it is", "[units]") {
  CHECK(kernel_exponent(Unit::kSeconds) == -30);
  CHECK(kernel_exponent(Unit::kRatio) == -20);
  for (const Unit unit : {Unit::kNone, Unit::kBytes, Unit::kSegments, Unit::kPackets, Unit::kConnections,
                          Unit::kTimestampSeconds, Unit::kBytesPerSecond}) {
    CHECK(kernel_exponent(unit) == 0);
  }
}

TEST_CASE("a ratio is rounded up and lies at or below a border exactly when it did before", "[units]") {
  CHECK(tcpperf_ratio(0, 1) == 0);
  CHECK(tcpperf_ratio(7, 7) == 1U << 20U);
  CHECK(tcpperf_ratio(1, 3) == 349'526);
  CHECK(tcpperf_ratio(1, kGreatest) == 1);
  CHECK(tcpperf_ratio(kGreatest, 1) == tcpperf_u64{kGreatest} << 20U);
  CHECK(tcpperf_ratio(kGreatest, kGreatest) == 1U << 20U);
  const tcpperf_u32 one = tcpperf_histogram_index(tcpperf_ratio(kGreatest, kGreatest));
  CHECK(tcpperf_histogram_index(tcpperf_ratio(kGreatest - 1, kGreatest)) == one);
  CHECK(tcpperf_histogram_index(tcpperf_ratio(1'000'001, 1'000'000)) == one + 1);
  tcpperf_histogram raw{};
  raw.bucket[one] = 1;
  const tcpperf::core::Histogram histogram = tcpperf::core::from_kernel(raw, kernel_exponent(Unit::kRatio), 0);
  CHECK(tcpperf::core::upper_border(histogram.first_index) == 1.0);
}

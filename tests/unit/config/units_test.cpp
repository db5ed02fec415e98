// Numbers and durations as text.
#include "config/units.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"

using namespace tcpperf::config;

namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

std::uint64_t nanoseconds(std::string_view text) {
  const auto result = parse_duration(text, FinestUnit::kNanoseconds);
  INFO(text);
  REQUIRE(result);
  return *result;
}

}  // namespace

TEST_CASE("each unit of a duration has its length", "[config]") {
  CHECK(nanoseconds("1ns") == 1);
  CHECK(nanoseconds("1us") == 1'000);
  CHECK(nanoseconds("500ms") == 500'000'000);
  CHECK(nanoseconds("5s") == 5'000'000'000);
  CHECK(nanoseconds("1m") == 60'000'000'000);
  CHECK(nanoseconds("2h") == 7'200'000'000'000);
  CHECK(nanoseconds("0s") == 0);
}

TEST_CASE("units are combined, the larger first", "[config]") {
  CHECK(nanoseconds("1m30s") == 90'000'000'000);
  CHECK(nanoseconds("1h2m3s4ms5us6ns") == 3'723'004'005'006);
  CHECK(nanoseconds("90s5ms") == 90'005'000'000);
}

TEST_CASE("what is not a duration is refused", "[config]") {
  for (const std::string text : {"", "s", "5 s", "5S", "-5s", "+5s", "1.5s", "1s1m", "1s1s", "5s ", " 5s", "1d", "05s",
                                 "5sx", "5s5", "5m5", "1h1h", "µs", "1µs"}) {
    const auto result = parse_duration(text, FinestUnit::kNanoseconds);
    INFO(text);
    REQUIRE_FALSE(result);
    CHECK(result.error().message == "expected a duration such as 500ms, 5s or 1m30s, found '" + text + "'");
  }
}

TEST_CASE("a number without a unit is refused with the units", "[config]") {
  CHECK(parse_duration("5", FinestUnit::kMilliseconds).error().message ==
        "expected a duration with its unit (ms, s, m or h), found '5'");
  CHECK(parse_duration("0", FinestUnit::kNanoseconds).error().message ==
        "expected a duration with its unit (ns, us, ms, s, m or h), found '0'");
}

TEST_CASE("units below the finest are refused", "[config]") {
  CHECK(parse_duration("1ms", FinestUnit::kMilliseconds));
  CHECK_FALSE(parse_duration("1000us", FinestUnit::kMilliseconds));
  CHECK_FALSE(parse_duration("1s1ns", FinestUnit::kMilliseconds));
}

TEST_CASE("a duration beyond 64 bits is the longest one", "[config]") {
  CHECK(nanoseconds("18446744073709551615ns") == kMost);
  CHECK(nanoseconds("18446744073709551616ns") == kMost);
  CHECK(nanoseconds("5124096h") == kMost);
  CHECK(nanoseconds("5124095h34m33s709ms551us616ns") == kMost);
  CHECK(nanoseconds("5124095h34m33s709ms551us614ns") == kMost - 1);
}

TEST_CASE("a duration is written as it is read", "[config]") {
  CHECK(format_duration(0) == "0s");
  CHECK(format_duration(90'000'000'000) == "1m30s");
  CHECK(format_duration(3'600'000'000'000) == "1h");
  CHECK(format_duration(1'500'000) == "1ms500us");
  for (const std::uint64_t ns : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{59'999'999'999}, kMost}) {
    CHECK(nanoseconds(format_duration(ns)) == ns);
  }
}

TEST_CASE("whole numbers are digits without sign or leading zero", "[config]") {
  CHECK(parse_whole_number("0") == 0U);
  CHECK(parse_whole_number("18446744073709551615") == kMost);
  CHECK(parse_whole_number("18446744073709551616") == kMost);
  for (const char* text : {"", "00", "01", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "1_000", "a"}) {
    INFO(text);
    CHECK_FALSE(parse_whole_number(text));
  }
}

TEST_CASE("a share of a CPU is read in millionths and written as it is read", "[config]") {
  for (const auto& [text, millionths] : std::vector<std::pair<std::string, std::uint32_t>>{
           {"0.01%", 100}, {"0.5%", 5'000}, {"0.0123%", 123}, {"1%", 10'000}, {"2.25%", 22'500}, {"100%", 1'000'000}}) {
    INFO(text);
    const auto share = parse_cpu_share(text);
    REQUIRE(share);
    CHECK(*share == millionths);
    CHECK(format_cpu_share(millionths) == text);
  }
  CHECK(*parse_cpu_share("0.50%") == 5'000);
  CHECK(*parse_cpu_share("100.0000%") == 1'000'000);
}

TEST_CASE("what is not a share of a CPU is refused", "[config]") {
  for (const std::string text :
       {"",    "%",     "0.5", "0%",   "0.0099%",  "100.0001%", "101%", ".5%",  "1.%", "-1%",
        "+1%", "0.5 %", " 1%", "1e1%", "0.00001%", "0.50000%",  "01%",  "0,5%", "1%%", "18446744073709551616%",
        "OFF"}) {
    INFO(text);
    const auto share = parse_cpu_share(text);
    REQUIRE_FALSE(share);
    CHECK(share.error().message ==
          "expected off or a percentage of one CPU from 0.01% to 100%, such as 0.5%, found '" + text + "'");
  }
}

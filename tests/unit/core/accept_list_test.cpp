#include "core/net/accept_list.h"

#include <string>
#include <string_view>

#include "catch.h"

using tcpperf::core::equal_ignoring_case;
using tcpperf::core::parse_accept_list;

TEST_CASE("an accept list keeps order, parameters and weights", "[accept]") {
  const auto items = parse_accept_list("text/plain;version=0.0.4;q=0.5 , gzip,\t*/* ; Q=0.123");
  REQUIRE(items.size() == 3);
  CHECK(items[0].name == "text/plain");
  CHECK(items[0].parameter("Version") == "0.0.4");
  CHECK(items[0].parameter("charset").empty());
  CHECK(items[0].weight_permille == 500);
  CHECK(items[1].name == "gzip");
  CHECK(items[1].parameters.empty());
  CHECK(items[1].weight_permille == 1000);
  CHECK(items[2].name == "*/*");
  CHECK(items[2].weight_permille == 123);
}

TEST_CASE("separators inside quotes do not separate", "[accept]") {
  const auto items = parse_accept_list(R"(a;x="1,2;3\"4,";version="1.0.0", b)");
  REQUIRE(items.size() == 2);
  CHECK(items[0].parameter("x") == R"(1,2;3\"4,)");
  CHECK(items[0].parameter("version") == "1.0.0");
  CHECK(items[1].name == "b");
}

TEST_CASE("weights at their limits are read, malformed ones drop the element", "[accept]") {
  const auto weight_of = [](std::string_view q) {
    const std::string header = "gzip;q=" + std::string(q);
    const auto items = parse_accept_list(header);
    return items.empty() ? -1 : items.front().weight_permille;
  };
  CHECK(weight_of("0") == 0);
  CHECK(weight_of("0.000") == 0);
  CHECK(weight_of("0.001") == 1);
  CHECK(weight_of("0.") == 0);
  CHECK(weight_of("1") == 1000);
  CHECK(weight_of("1.000") == 1000);
  CHECK(weight_of("\"0.7\"") == 700);
  for (const char* bad : {"", "1.001", "2", "-1", "0.1234", "abc", "0.5x", "10", "nan"}) {
    INFO(bad);
    CHECK(weight_of(bad) == -1);
  }
}

TEST_CASE("an accept list of nothing is empty", "[accept]") {
  CHECK(parse_accept_list("").empty());
  CHECK(parse_accept_list(" ,, ;q=1,\t").empty());
  CHECK(parse_accept_list("\"").size() == 1);
}

TEST_CASE("names compare without case and in full length", "[accept]") {
  CHECK(equal_ignoring_case("GZip", "gzIP"));
  CHECK_FALSE(equal_ignoring_case("gzip", "gzi"));
  CHECK_FALSE(equal_ignoring_case("gzi", "gzip"));
  CHECK_FALSE(equal_ignoring_case("[", "{"));
}

// What to say about a name that does not exist.
#include "core/base/suggestion.h"

#include <string>

#include "catch.h"

using tcpperf::core::closest_name;
using tcpperf::core::suggestion;

TEST_CASE("the closest name is found for a letter too many, too few, wrong or swapped", "[base]") {
  for (const char* slip : {"filters", "filte", "fulter", "fitler", "Filter"}) {
    INFO(slip);
    CHECK(closest_name(slip, {"tick", "filter", "probes"}) == "filter");
  }
}

TEST_CASE("another word has no closest name", "[base]") {
  CHECK_FALSE(closest_name("colour", {"tick", "filter", "probes"}));
  CHECK_FALSE(closest_name("", {"tick"}));
  CHECK_FALSE(closest_name("tick", {}));
  CHECK_FALSE(closest_name(std::string(65, 'a'), {std::string_view("a")}));
}

TEST_CASE("of two close names the closer is chosen, of equals the first", "[base]") {
  CHECK(closest_name("local_prt", {"local_ip", "local_port"}) == "local_port");
  CHECK(closest_name("ab", {"ac", "ad"}) == "ac");
}

TEST_CASE("an unknown name is reported with all that is allowed", "[base]") {
  CHECK(suggestion("tik", "allowed", {"tick", "filter"}) == "; did you mean 'tick'? allowed: tick, filter");
  CHECK(suggestion("x", "allowed", {}) == "; allowed: nothing");
  std::vector<std::string_view> many(40, "other");
  CHECK(suggestion("othr", "allowed", many).size() > 200);
  many.emplace_back("tick");
  CHECK(suggestion("tik", "allowed", many) == "; did you mean 'tick'?");
  CHECK(suggestion("xyzxyz", "allowed", many).size() > 200);
}

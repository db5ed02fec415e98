// From what the probes ask for to tables of slots.
#include "core/groups/plan.h"

#include <map>
#include <string>

#include "catch.h"

using namespace tcpperf::core;

namespace {

using Requests = std::map<std::string, GroupRequest, std::less<>>;

const GroupBy kByRole = {Dimension::kRole};
const GroupBy kByPort = {Dimension::kServicePort};

}  // namespace

TEST_CASE("probes with the same list and budget share a grouping", "[groups]") {
  const auto plan = plan_groups(Requests{{"drop", {kByRole, 8}}, {"reset", {kByPort, 8}}, {"rtt", {kByRole, 8}}}, {});
  REQUIRE(plan);
  CHECK(plan->groupings == std::vector<Grouping>{{kByRole, 8}, {kByPort, 8}});
  CHECK(plan->of("drop") == ProbeGrouping{0, 8});
  CHECK(plan->of("reset") == ProbeGrouping{1, 8});
  CHECK(plan->of("rtt") == ProbeGrouping{0, 8});
}

TEST_CASE("another budget is another grouping", "[groups]") {
  const auto plan = plan_groups(Requests{{"drop", {kByRole, 8}}, {"rtt", {kByRole, 9}}}, {});
  REQUIRE(plan);
  CHECK(plan->groupings == std::vector<Grouping>{{kByRole, 8}, {kByRole, 9}});
  CHECK(plan->of("rtt") == ProbeGrouping{1, 9});
}

TEST_CASE("a grouping of listeners is another than one of connections", "[groups]") {
  const auto plan = plan_groups(Requests{{"listener", {kByRole, 8, true}}, {"rtt", {kByRole, 8}}}, {});
  REQUIRE(plan);
  CHECK(plan->groupings == std::vector<Grouping>{{kByRole, 8, true}, {kByRole, 8, false}});
  CHECK(plan->of("listener") == ProbeGrouping{0, 8});
  CHECK(plan->of("rtt") == ProbeGrouping{1, 8});
}

TEST_CASE("a probe without dimensions is in the plan and not grouped", "[groups]") {
  const auto plan = plan_groups(Requests{{"drop", {{}, 64}}}, {});
  REQUIRE(plan);
  CHECK(plan->groupings.empty());
  CHECK(plan->probes.contains("drop"));
  CHECK(plan->of("drop").groups == 0);
  CHECK(plan->of("nobody") == ProbeGrouping{});
}

TEST_CASE("the prefix lengths go with the plan", "[groups]") {
  CHECK(plan_groups({}, {8, 32})->prefix == PrefixLengths{8, 32});
}

TEST_CASE("four groupings are possible, a fifth is an error that says who asks for which", "[groups]") {
  Requests requests{
      {"a", {kByRole, 1}}, {"b", {kByRole, 2}}, {"c", {kByRole, 3}}, {"d", {kByRole, 4}}, {"e", {kByRole, 2}}};
  CHECK(plan_groups(requests, {})->groupings.size() == 4);
  requests["f"] = {kByPort, 1};
  requests["g"] = {{}, 1};
  const auto plan = plan_groups(requests, {});
  REQUIRE_FALSE(plan);
  CHECK(plan.error().message ==
        "at most 4 different groupings are possible, these are 5: role with 1 groups (a); role with 2 groups (b, e); "
        "role with 3 groups (c); role with 4 groups (d); service_port with 1 groups (f)");
}

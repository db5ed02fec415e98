// What a reload keeps of the rules' states, and what it announces.
#include <chrono>

#include "catch.h"
#include "core/rules/engine.h"
#include "unit/core/rules/engine_support.h"

using namespace std::chrono_literals;
using namespace tcpperf::core;
using namespace tcpperf::core::rule_tests;

TEST_CASE("a reload keeps the state of a rule that is the same", "[rules]") {
  RuleEngine old = engine_of(above_10(spec("firing")), above_10(spec("pending", 30s)));
  tick(old, 0, value(11));
  RuleEngine fresh = engine_of(above_10(spec("pending", 30s)), above_10(spec("firing")));
  CHECK(fresh.adopt(old, 10s, Wall()).empty());
  CHECK(fresh.status()[0].state == RuleState::kPending);
  CHECK(fresh.status()[1].state == RuleState::kFiring);
  CHECK(fresh.status()[1].fired == 1);
  CHECK(old.status().empty());

  const auto events = tick(fresh, 30, value(11));
  REQUIRE(events.size() == 1);
  CHECK(events[0].rule.name == "pending");
  const auto resolved = tick(fresh, 40, value(9));
  REQUIRE(resolved.size() == 2);
  CHECK(resolved[1].active_for == 40s);
}

TEST_CASE("a reload resolves a firing rule that is gone", "[rules]") {
  RuleEngine old = engine_of(above_10(spec("gone")), above_10(spec("pending_gone", 30s)));
  tick(old, 0, value(11));
  RuleEngine fresh = engine_of(above_10(spec("other")));
  const auto events = fresh.adopt(old, 10s, Wall(7s));
  REQUIRE(events.size() == 1);
  CHECK(events[0].state == AlertState::kResolved);
  CHECK(events[0].rule.name == "gone");
  CHECK(events[0].active_for == 10s);
  CHECK(events[0].time == Wall(7s));
  CHECK(events[0].reason == "the rule was removed");
  CHECK(status(fresh).state == RuleState::kInactive);
  CHECK(status(fresh).fired == 0);
}

TEST_CASE("a reload resolves a firing rule that changed, which starts over but keeps its count", "[rules]") {
  RuleEngine old = engine_of(above_10(spec("tail")));
  tick(old, 0, value(11));
  RuleEngine fresh = engine_of(above_10(spec("tail", 30s)));
  const auto events = fresh.adopt(old, 10s, Wall());
  REQUIRE(events.size() == 1);
  CHECK(events[0].rule == spec("tail"));
  CHECK(events[0].reason == "the rule was changed");
  CHECK(status(fresh).state == RuleState::kInactive);
  CHECK(status(fresh).fired == 1);
  CHECK(tick(fresh, 15, value(11)).empty());
}

TEST_CASE("the count of another severity is another series and starts at 0", "[rules]") {
  RuleEngine old = engine_of(above_10(spec("tail")));
  tick(old, 0, value(11));
  RuleSpec critical = spec("tail");
  critical.severity = Severity::kCritical;
  RuleEngine fresh = engine_of(above_10(critical));
  CHECK(fresh.adopt(old, 10s, Wall()).size() == 1);
  CHECK(status(fresh).fired == 0);
}

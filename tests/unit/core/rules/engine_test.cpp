// The states of alert rules, tick by tick, on invented time and signals.
#include "core/rules/engine.h"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "unit/core/rules/engine_support.h"

using namespace std::chrono_literals;
using namespace tcpperf::core;
using namespace tcpperf::core::rule_tests;

TEST_CASE("without a hold a rule fires at the first tick that finds it true", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("tail")));
  CHECK(tick(engine, 0, value(10)).empty());
  CHECK(status(engine).state == RuleState::kInactive);
  const auto events = tick(engine, 5, value(11, 77));
  REQUIRE(events.size() == 1);
  CHECK(events[0].state == AlertState::kFiring);
  CHECK(events[0].time == Wall(1'000'005s));
  CHECK(events[0].active_for == 0ms);
  CHECK(events[0].rule == spec("tail"));
  CHECK(events[0].reason.empty());
  CHECK(events[0].samples == 77);
  REQUIRE(events[0].signals.size() == 1);
  CHECK(events[0].signals[0] == SignalReading{"x", 11, Unit::kNone});
  CHECK(status(engine).state == RuleState::kFiring);
  CHECK(status(engine).fired == 1);
}

TEST_CASE("a firing rule is announced once", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("tail")));
  CHECK(tick(engine, 0, value(11)).size() == 1);
  CHECK(tick(engine, 5, value(12)).empty());
  CHECK(tick(engine, 10, value(13)).empty());
  CHECK(status(engine).fired == 1);
}

TEST_CASE("a firing rule resolves at the first tick that finds it false, and may fire again", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("tail")));
  tick(engine, 5, value(11));
  const auto events = tick(engine, 17, value(9, 55));
  REQUIRE(events.size() == 1);
  CHECK(events[0].state == AlertState::kResolved);
  CHECK(events[0].time == Wall(1'000'017s));
  CHECK(events[0].active_for == 12s);
  CHECK(events[0].reason == "the condition is false");
  CHECK(events[0].samples == 55);
  REQUIRE(events[0].signals.size() == 1);
  CHECK(events[0].signals[0].value == 9);
  CHECK(status(engine).state == RuleState::kInactive);
  CHECK(tick(engine, 20, value(9)).empty());
  CHECK(tick(engine, 25, value(11)).size() == 1);
  CHECK(status(engine).fired == 2);
}

TEST_CASE("with a hold a rule is pending until it was true that long", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("tail", 30s)));
  CHECK(tick(engine, 100, value(11)).empty());
  CHECK(status(engine).state == RuleState::kPending);
  CHECK(tick(engine, 129, value(11)).empty());
  CHECK(status(engine).state == RuleState::kPending);
  CHECK(status(engine).fired == 0);
  const auto events = tick(engine, 130, value(11));
  REQUIRE(events.size() == 1);
  CHECK(events[0].state == AlertState::kFiring);
  CHECK(events[0].active_for == 30s);
  CHECK(status(engine).state == RuleState::kFiring);
}

TEST_CASE("a pending rule that becomes false starts over, without a word", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("tail", 30s)));
  tick(engine, 100, value(11));
  CHECK(tick(engine, 125, value(9)).empty());
  CHECK(status(engine).state == RuleState::kInactive);
  CHECK(tick(engine, 130, value(11)).empty());
  CHECK(tick(engine, 159, value(11)).empty());
  CHECK(tick(engine, 160, value(11)).size() == 1);
}

TEST_CASE("how long it fired is counted from firing, not from pending", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("tail", 30s)));
  tick(engine, 0, value(11));
  tick(engine, 30, value(11));
  const auto events = tick(engine, 70, value(9));
  REQUIRE(events.size() == 1);
  CHECK(events[0].active_for == 40s);
}

TEST_CASE("a hold holds again after a rule resolved", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("tail", 30s)));
  tick(engine, 0, value(11));
  tick(engine, 30, value(11));
  tick(engine, 35, value(9));
  CHECK(tick(engine, 40, value(11)).empty());
  CHECK(status(engine).state == RuleState::kPending);
}

TEST_CASE("a rule that was never judged says so", "[rules]") {
  const RuleEngine engine = engine_of(above_10(spec("tail")));
  CHECK(status(engine).unevaluable == Unevaluable::kNoHistory);
}

TEST_CASE("a rule that cannot be judged says why", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("tail")));
  for (const auto& [reason, expected] :
       std::map<NoValue, Unevaluable>{{NoValue::kNoMetric, Unevaluable::kNoMetric},
                                      {NoValue::kNoHistory, Unevaluable::kNoHistory},
                                      {NoValue::kNoObservations, Unevaluable::kNoObservations}}) {
    CHECK(tick(engine, 0, missing(reason)).empty());
    CHECK(status(engine).unevaluable == expected);
    CHECK(status(engine).state == RuleState::kInactive);
  }
  tick(engine, 5, value(1));
  CHECK_FALSE(status(engine).unevaluable.has_value());
}

TEST_CASE("a condition without a number as its result is not judged", "[rules]") {
  RuleEngine engine = engine_of(on(spec("tail"), {"x"}, [](const Values&) { return std::nullopt; }));
  CHECK(tick(engine, 0, value(11)).empty());
  CHECK(status(engine).unevaluable == Unevaluable::kNotANumber);
}

TEST_CASE("a pending rule that cannot be judged starts over", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("tail", 30s)));
  tick(engine, 0, value(11));
  tick(engine, 15, missing(NoValue::kNoObservations));
  CHECK(status(engine).state == RuleState::kInactive);
  CHECK(tick(engine, 30, value(11)).empty());
  CHECK(tick(engine, 60, value(11)).size() == 1);
}

TEST_CASE("a firing rule that cannot be judged goes on firing", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("tail")));
  tick(engine, 0, value(11));
  CHECK(tick(engine, 5, missing(NoValue::kNoObservations)).empty());
  CHECK(status(engine).state == RuleState::kFiring);
  CHECK(status(engine).unevaluable == Unevaluable::kNoObservations);
  CHECK(tick(engine, 10, value(11)).empty());
  CHECK(status(engine).fired == 1);
}

TEST_CASE("a firing rule that cannot be judged for a whole window resolves and says why", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("tail")));
  tick(engine, 0, value(11));
  CHECK(tick(engine, 10, missing(NoValue::kNoObservations)).empty());
  CHECK(tick(engine, 69, missing(NoValue::kNoObservations)).empty());
  const auto events = tick(engine, 70, missing(NoValue::kNoMetric));
  REQUIRE(events.size() == 1);
  CHECK(events[0].state == AlertState::kResolved);
  CHECK(events[0].active_for == 70s);
  CHECK(events[0].reason == "not judged for a whole window: no_metric");
  CHECK(events[0].signals.empty());
  CHECK(tick(engine, 140, missing(NoValue::kNoMetric)).empty());
}

TEST_CASE("one judged tick starts the window without judgement anew", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("tail")));
  tick(engine, 0, value(11));
  tick(engine, 10, missing(NoValue::kNoObservations));
  tick(engine, 50, value(11));
  CHECK(tick(engine, 60, missing(NoValue::kNoObservations)).empty());
  CHECK(tick(engine, 119, missing(NoValue::kNoObservations)).empty());
  CHECK(tick(engine, 120, missing(NoValue::kNoObservations)).size() == 1);
}

TEST_CASE("time spent unjudged before firing does not count towards resolving", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("tail")));
  tick(engine, 0, missing(NoValue::kNoHistory));
  tick(engine, 100, value(11));
  CHECK(tick(engine, 105, missing(NoValue::kNoObservations)).empty());
  CHECK(status(engine).state == RuleState::kFiring);
}

TEST_CASE("too few samples are no evidence, exactly enough are", "[rules]") {
  RuleSpec demanding = spec("tail");
  demanding.minimum_samples = 100;
  RuleEngine engine = engine_of(above_10(demanding));
  CHECK(tick(engine, 0, value(11, 99)).empty());
  CHECK(status(engine).unevaluable == Unevaluable::kTooFewSamples);
  const auto events = tick(engine, 5, value(11, 100));
  REQUIRE(events.size() == 1);
  CHECK(events[0].samples == 100);
}

TEST_CASE("the smallest sample count of the signals used decides, gauges aside", "[rules]") {
  RuleSpec demanding = spec("tail");
  demanding.minimum_samples = 100;
  std::map<std::string, SignalValue, std::less<>> signals{
      {"many", value(1, 5000)}, {"few", value(1, 150)}, {"gauge", value(1, 0)}, {"unused", value(1, 3)}};
  signals["gauge"].sampled = false;
  const auto lookup = [&](std::string_view name, std::chrono::milliseconds) { return signals.find(name)->second; };
  const auto always = [](const Values&) { return 1.0; };
  RuleEngine engine = engine_of(on(demanding, {"many", "few", "gauge"}, always));
  auto events = engine.tick(0s, Wall(), lookup);
  REQUIRE(events.size() == 1);
  CHECK(events[0].samples == 150);

  signals["few"].samples = 99;
  engine.tick(5s, Wall(), lookup);
  CHECK(status(engine).unevaluable == Unevaluable::kTooFewSamples);
}

TEST_CASE("a rule on gauges alone needs no samples", "[rules]") {
  RuleSpec demanding = spec("many_connections");
  demanding.minimum_samples = 100;
  SignalValue gauge = value(11, 0);
  gauge.sampled = false;
  RuleEngine engine = engine_of(above_10(demanding));
  const auto events = tick(engine, 0, gauge);
  REQUIRE(events.size() == 1);
  CHECK(events[0].samples == 0);
}

TEST_CASE("a signal is asked for by name, over the rule's window, and carries its unit", "[rules]") {
  RuleSpec wide = spec("wide");
  wide.window = 5min;
  RuleEngine engine =
      engine_of(on(wide, {"b", "a"}, [](const Values& v) { return v[0] == 2 && v[1] == 1 ? 1.0 : 0.0; }));
  std::vector<std::pair<std::string, std::chrono::milliseconds>> asked;
  const auto events = engine.tick(0s, Wall(), [&](std::string_view name, std::chrono::milliseconds window) {
    asked.emplace_back(name, window);
    SignalValue result = value(name == "a" ? 1 : 2);
    result.unit = Unit::kSeconds;
    return result;
  });
  CHECK(asked == decltype(asked){{"b", 5min}, {"a", 5min}});
  REQUIRE(events.size() == 1);
  CHECK(events[0].signals == std::vector<SignalReading>{{"b", 2, Unit::kSeconds}, {"a", 1, Unit::kSeconds}});
}

TEST_CASE("one missing signal of several leaves the rule unjudged and its condition unasked", "[rules]") {
  bool evaluated = false;
  RuleEngine engine = engine_of(on(spec("two"), {"a", "b"}, [&](const Values&) {
    evaluated = true;
    return 1.0;
  }));
  engine.tick(0s, Wall(), [&](std::string_view name, std::chrono::milliseconds) {
    return name == "a" ? missing(NoValue::kNoMetric) : value(1);
  });
  CHECK_FALSE(evaluated);
  CHECK(status(engine).unevaluable == Unevaluable::kNoMetric);
}

TEST_CASE("rules are independent and reported in their order", "[rules]") {
  RuleEngine engine = engine_of(above_10(spec("one")), above_10(spec("two", 30s)),
                                on(spec("three"), {}, [](const Values&) { return 1.0; }));
  const auto events = tick(engine, 0, value(11));
  REQUIRE(events.size() == 2);
  CHECK(events[0].rule.name == "one");
  CHECK(events[1].rule.name == "three");
  const auto states = engine.status();
  REQUIRE(states.size() == 3);
  CHECK(states[1].name == "two");
  CHECK(states[1].state == RuleState::kPending);
  CHECK(states[2].severity == Severity::kWarning);
}

TEST_CASE("any result but 0 is true", "[rules]") {
  RuleEngine engine = engine_of(on(spec("a"), {}, [](const Values&) { return -0.5; }),
                                on(spec("b"), {}, [](const Values&) { return -0.0; }));
  const auto events = tick(engine, 0, value(0));
  REQUIRE(events.size() == 1);
  CHECK(events[0].rule.name == "a");
}

TEST_CASE("compiling gives the compiler the condition and the known names", "[rules]") {
  const std::vector<std::string> names{"x", "y"};
  const auto compiler = [&](std::string_view condition,
                            const std::vector<std::string>& known) -> Result<std::unique_ptr<Expression>> {
    CHECK(condition == "x > 10");
    CHECK(known == names);
    return std::unique_ptr<Expression>(
        std::make_unique<FakeExpression>(std::vector<std::string>{"x"}, [](const Values&) { return 1.0; }));
  };
  const auto rule = compile(spec("tail"), compiler, names);
  REQUIRE(rule);
  CHECK(rule->spec == spec("tail"));
  CHECK(rule->condition->variables() == std::vector<std::string>{"x"});
}

TEST_CASE("a condition that does not compile names its alert", "[rules]") {
  const auto compiler = [](std::string_view, const std::vector<std::string>&) -> Result<std::unique_ptr<Expression>> {
    return Error{"the condition is empty"};
  };
  const auto rule = compile(spec("tail"), compiler, {});
  REQUIRE_FALSE(rule);
  CHECK(rule.error().message == "alert tail: the condition is empty");
}

TEST_CASE("severities, states and reasons have names", "[rules]") {
  CHECK(to_string(Severity::kInfo) == "info");
  CHECK(to_string(Severity::kWarning) == "warning");
  CHECK(to_string(Severity::kCritical) == "critical");
  CHECK(to_string(AlertState::kFiring) == "firing");
  CHECK(to_string(AlertState::kResolved) == "resolved");
  CHECK(to_string(Unevaluable::kNoMetric) == "no_metric");
  CHECK(to_string(Unevaluable::kNoHistory) == "no_history");
  CHECK(to_string(Unevaluable::kNoObservations) == "no_observations");
  CHECK(to_string(Unevaluable::kTooFewSamples) == "too_few_samples");
  CHECK(to_string(Unevaluable::kNotANumber) == "not_a_number");
}

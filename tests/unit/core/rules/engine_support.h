// What the tests of the rule engine share: rules without a parser, invented signals and time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.h"
#include "core/rules/engine.h"

namespace tcpperf::core::rule_tests {

using Wall = std::chrono::system_clock::time_point;
using Values = std::vector<double>;
using Function = std::function<std::optional<double>(const Values&)>;

class FakeExpression : public Expression {
 public:
  FakeExpression(std::vector<std::string> variables, Function function)
      : variables_(std::move(variables)), function_(std::move(function)) {}
  [[nodiscard]] const std::vector<std::string>& variables() const override { return variables_; }
  [[nodiscard]] std::optional<double> evaluate(const Values& values) override { return function_(values); }

 private:
  std::vector<std::string> variables_;
  Function function_;
};

inline RuleSpec spec(std::string name, std::chrono::milliseconds hold = std::chrono::milliseconds(0)) {
  RuleSpec rule;
  rule.name = std::move(name);
  rule.condition = "x > 10";
  rule.window = std::chrono::seconds(60);
  rule.hold = hold;
  return rule;
}

inline CompiledRule above_10(RuleSpec rule) {
  return {std::move(rule), std::make_unique<FakeExpression>(std::vector<std::string>{"x"},
                                                            [](const Values& v) { return v[0] > 10 ? 1.0 : 0.0; })};
}

inline CompiledRule on(RuleSpec rule, std::vector<std::string> variables, Function function) {
  return {std::move(rule), std::make_unique<FakeExpression>(std::move(variables), std::move(function))};
}

template <typename... Rules>
RuleEngine engine_of(Rules... rules) {
  std::vector<CompiledRule> all;
  (all.push_back(std::move(rules)), ...);
  return RuleEngine(std::move(all));
}

inline SignalValue value(double number, std::uint64_t samples = 1000) {
  SignalValue result;
  result.value = number;
  result.samples = samples;
  return result;
}

inline SignalValue missing(NoValue reason) {
  SignalValue result;
  result.reason = reason;
  return result;
}

// Ticks at `seconds` with signal x (and any other name) at the given value.
inline std::vector<AlertEvent> tick(RuleEngine& engine, int seconds, const SignalValue& x) {
  return engine.tick(std::chrono::seconds(seconds), Wall(std::chrono::seconds(1'000'000 + seconds)),
                     [&](std::string_view, std::chrono::milliseconds) { return x; });
}

inline RuleStatus status(const RuleEngine& engine) {
  REQUIRE(engine.status().size() == 1);
  return engine.status()[0];
}

}  // namespace tcpperf::core::rule_tests

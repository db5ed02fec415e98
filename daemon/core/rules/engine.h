// The rule engine: which alerts fire, judged once per tick from the signals. Pure: time and signals are arguments.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/rules/expression.h"
#include "core/rules/rule.h"
#include "core/signals/signal.h"

namespace tcpperf::core {

struct CompiledRule {
  RuleSpec spec;
  std::unique_ptr<Expression> condition;  // never null
};

// The error is the compiler's, with the alert's name in front.
Result<CompiledRule> compile(RuleSpec spec, const ExpressionCompiler& compiler,
                             const std::vector<std::string>& signal_names);

// The value of a signal over the last `window`.
using SignalLookup = std::function<SignalValue(std::string_view signal, std::chrono::milliseconds window)>;

enum class RuleState {
  kInactive,
  kPending,  // the condition is true, but not yet for `hold`
  kFiring,
};

// Why a rule was not judged: its condition is neither true nor false.
enum class Unevaluable {
  kNoMetric,        // a probe it needs is off or failed
  kNoHistory,       // its window has not passed yet since the start
  kNoObservations,  // a signal has nothing to be made of: no traffic
  kTooFewSamples,   // below minimum_samples
  kNotANumber,      // the condition divides by zero or overflows
};
// "no_metric", "no_history", "no_observations", "too_few_samples", "not_a_number".
std::string_view to_string(Unevaluable reason);

// What the daemon exports about a rule.
struct RuleStatus {
  std::string name;
  Severity severity = Severity::kWarning;
  RuleState state = RuleState::kInactive;
  std::uint64_t fired = 0;                 // times it began to fire
  std::optional<Unevaluable> unevaluable;  // set when the last tick could not judge it
};

// A rule whose condition becomes true is pending, and fires when the condition has been true at every tick for `hold`;
// with no hold it fires at once. It resolves at the first tick that finds the condition false.
//
// A rule that cannot be judged is neither true nor false. A pending rule starts over. A firing rule goes on firing,
// because losing the evidence is no evidence of health; after a whole window without any, nothing speaks for the alert
// any more and it resolves, saying so.
//
// Times are CLOCK_MONOTONIC, except where the name says wall. Not thread-safe; owned by the tick.
class RuleEngine {
 public:
  explicit RuleEngine(std::vector<CompiledRule> rules);

  // Judges every rule once and returns what changed, in the order of the rules.
  std::vector<AlertEvent> tick(std::chrono::nanoseconds now, std::chrono::system_clock::time_point wall_now,
                               const SignalLookup& signals);

  // For a reload: takes over the state of every rule that is exactly the same in `old`, and the count of every rule
  // with the same name and severity. A firing rule that is gone or changed resolves: the events say so. Call it before
  // the first tick; `old` is empty afterwards.
  std::vector<AlertEvent> adopt(RuleEngine& old, std::chrono::nanoseconds now,
                                std::chrono::system_clock::time_point wall_now);

  // In the order of the rules.
  [[nodiscard]] std::vector<RuleStatus> status() const;

 private:
  struct Rule {
    CompiledRule compiled;
    RuleState state = RuleState::kInactive;
    std::chrono::nanoseconds true_since{};                      // kPending, kFiring
    std::chrono::nanoseconds firing_since{};                    // kFiring
    std::optional<std::chrono::nanoseconds> unevaluable_since;  // set together with `unevaluable`
    std::optional<Unevaluable> unevaluable = Unevaluable::kNoHistory;
    std::uint64_t fired = 0;
  };

  struct Moment;
  struct Judgement;
  static Judgement judge(Rule& rule, const SignalLookup& signals);
  static std::optional<AlertEvent> advance(Rule& rule, const Judgement& judgement, const Moment& moment);
  static AlertEvent resolve(Rule& rule, std::string reason, const Moment& moment);

  std::vector<Rule> rules_;
};

}  // namespace tcpperf::core

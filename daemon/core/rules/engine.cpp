#include "core/rules/engine.h"

#include <algorithm>
#include <utility>

namespace tcpperf::core {

struct RuleEngine::Moment {
  std::chrono::nanoseconds now;
  std::chrono::system_clock::time_point wall_now;
};

struct RuleEngine::Judgement {
  bool is_true = false;
  std::optional<Unevaluable> unevaluable;
  std::vector<SignalReading> readings;
  std::uint64_t samples = 0;
};

namespace {

Unevaluable unevaluable_because(NoValue reason) {
  switch (reason) {
    case NoValue::kNoMetric: return Unevaluable::kNoMetric;
    case NoValue::kNoHistory: return Unevaluable::kNoHistory;
    case NoValue::kNoObservations: return Unevaluable::kNoObservations;
  }
  return Unevaluable::kNoMetric;
}

std::chrono::milliseconds whole_milliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

}  // namespace

std::string_view to_string(Unevaluable reason) {
  switch (reason) {
    case Unevaluable::kNoMetric: return "no_metric";
    case Unevaluable::kNoHistory: return "no_history";
    case Unevaluable::kNoObservations: return "no_observations";
    case Unevaluable::kTooFewSamples: return "too_few_samples";
    case Unevaluable::kNotANumber: return "not_a_number";
  }
  return "";
}

Result<CompiledRule> compile(RuleSpec spec, const ExpressionCompiler& compiler,
                             const std::vector<std::string>& signal_names) {
  auto condition = compiler(spec.condition, signal_names);
  if (!condition) {
    return condition.error().within("alert " + spec.name);
  }
  return CompiledRule{std::move(spec), std::move(*condition)};
}

RuleEngine::RuleEngine(std::vector<CompiledRule> rules) {
  rules_.reserve(rules.size());
  for (CompiledRule& compiled : rules) {
    Rule rule;
    rule.compiled = std::move(compiled);
    rules_.push_back(std::move(rule));
  }
}

RuleEngine::Judgement RuleEngine::judge(Rule& rule, const SignalLookup& signals) {
  const RuleSpec& spec = rule.compiled.spec;
  Judgement judgement;
  std::vector<double> values;
  std::optional<std::uint64_t> fewest;
  for (const std::string& name : rule.compiled.condition->variables()) {
    const SignalValue signal = signals(name, spec.window);
    if (signal.sampled) {
      fewest = std::min(fewest.value_or(signal.samples), signal.samples);
    }
    if (signal.value) {
      values.push_back(*signal.value);
      judgement.readings.push_back({name, *signal.value, signal.unit});
    } else if (!judgement.unevaluable) {
      judgement.unevaluable = unevaluable_because(signal.reason);
    }
  }
  judgement.samples = fewest.value_or(0);
  if (judgement.unevaluable) {
    return judgement;
  }
  if (fewest && *fewest < spec.minimum_samples) {
    judgement.unevaluable = Unevaluable::kTooFewSamples;
    return judgement;
  }
  const std::optional<double> result = rule.compiled.condition->evaluate(values);
  if (result) {
    judgement.is_true = *result != 0;
  } else {
    judgement.unevaluable = Unevaluable::kNotANumber;
  }
  return judgement;
}

AlertEvent RuleEngine::resolve(Rule& rule, std::string reason, const Moment& moment) {
  AlertEvent event;
  event.state = AlertState::kResolved;
  event.time = moment.wall_now;
  event.active_for = whole_milliseconds(moment.now - rule.firing_since);
  event.rule = rule.compiled.spec;
  event.reason = std::move(reason);
  rule.state = RuleState::kInactive;
  return event;
}

std::optional<AlertEvent> RuleEngine::advance(Rule& rule, const Judgement& judgement, const Moment& moment) {
  const RuleSpec& spec = rule.compiled.spec;
  rule.unevaluable = judgement.unevaluable;
  if (judgement.unevaluable) {
    if (!rule.unevaluable_since) {
      rule.unevaluable_since = moment.now;
    }
    if (rule.state == RuleState::kPending) {
      rule.state = RuleState::kInactive;
    }
    if (rule.state == RuleState::kFiring && moment.now - *rule.unevaluable_since >= spec.window) {
      return resolve(rule, "not judged for a whole window: " + std::string(to_string(*judgement.unevaluable)), moment);
    }
    return std::nullopt;
  }
  rule.unevaluable_since.reset();

  if (!judgement.is_true) {
    if (rule.state == RuleState::kFiring) {
      return resolve(rule, "the condition is false", moment);
    }
    rule.state = RuleState::kInactive;
    return std::nullopt;
  }
  if (rule.state == RuleState::kFiring) {
    return std::nullopt;
  }
  if (rule.state == RuleState::kInactive) {
    rule.state = RuleState::kPending;
    rule.true_since = moment.now;
  }
  if (moment.now - rule.true_since < spec.hold) {
    return std::nullopt;
  }
  rule.state = RuleState::kFiring;
  rule.firing_since = moment.now;
  ++rule.fired;
  AlertEvent event;
  event.state = AlertState::kFiring;
  event.time = moment.wall_now;
  event.active_for = whole_milliseconds(moment.now - rule.true_since);
  event.rule = spec;
  return event;
}

std::vector<AlertEvent> RuleEngine::tick(std::chrono::nanoseconds now, std::chrono::system_clock::time_point wall_now,
                                         const SignalLookup& signals) {
  std::vector<AlertEvent> events;
  for (Rule& rule : rules_) {
    Judgement judgement = judge(rule, signals);
    std::optional<AlertEvent> event = advance(rule, judgement, {now, wall_now});
    if (event) {
      event->signals = std::move(judgement.readings);
      event->samples = judgement.samples;
      events.push_back(std::move(*event));
    }
  }
  return events;
}

std::vector<AlertEvent> RuleEngine::adopt(RuleEngine& old, std::chrono::nanoseconds now,
                                          std::chrono::system_clock::time_point wall_now) {
  std::vector<AlertEvent> events;
  for (Rule& before : old.rules_) {
    const RuleSpec& spec = before.compiled.spec;
    const auto same_name = std::find_if(rules_.begin(), rules_.end(),
                                        [&](const Rule& rule) { return rule.compiled.spec.name == spec.name; });
    if (same_name != rules_.end() && same_name->compiled.spec == spec) {
      before.compiled.condition = std::move(same_name->compiled.condition);
      *same_name = std::move(before);
      continue;
    }
    if (same_name != rules_.end() && same_name->compiled.spec.severity == spec.severity) {
      same_name->fired = before.fired;
    }
    if (before.state == RuleState::kFiring) {
      events.push_back(resolve(before, same_name == rules_.end() ? "the rule was removed" : "the rule was changed",
                               {now, wall_now}));
    }
  }
  old.rules_.clear();
  return events;
}

std::vector<RuleStatus> RuleEngine::status() const {
  std::vector<RuleStatus> out;
  out.reserve(rules_.size());
  for (const Rule& rule : rules_) {
    out.push_back({rule.compiled.spec.name, rule.compiled.spec.severity, rule.state, rule.fired, rule.unevaluable});
  }
  return out;
}

}  // namespace tcpperf::core

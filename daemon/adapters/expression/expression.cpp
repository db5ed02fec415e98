#include "adapters/expression/expression.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <optional>
#include <utility>

#include "adapters/expression/lexer.h"
#include "adapters/expression/parser.h"
#include "core/base/suggestion.h"

namespace tcpperf::adapters {
namespace {

using core::Error;
using core::Result;

class MuparserExpression final : public core::Expression {
 public:
  // Throws what muParser throws.
  MuparserExpression(const std::string& condition, std::vector<std::string> variables)
      : variables_(std::move(variables)), values_(variables_.size(), 1.0) {
    for (std::size_t i = 0; i < variables_.size(); ++i) {
      parser_.DefineVar(variables_[i], &values_[i]);
    }
    parser_.SetExpr(condition);
    parser_.Eval();
  }

  [[nodiscard]] int results() const { return parser_.GetNumResults(); }

  [[nodiscard]] const std::vector<std::string>& variables() const override { return variables_; }

  [[nodiscard]] std::optional<double> evaluate(const std::vector<double>& values) override {
    if (values.size() != values_.size()) {
      return std::nullopt;
    }
    std::copy(values.begin(), values.end(), values_.begin());
    try {
      const double result = parser_.Eval();
      return std::isfinite(result) ? std::optional(result) : std::nullopt;
    } catch (const mu::ParserError&) {
      return std::nullopt;
    }
  }

 private:
  std::vector<std::string> variables_;
  std::vector<double> values_;  // muParser reads the variables here; never resized
  ConditionParser parser_;
};

Result<std::vector<std::string>> variables_of(const std::vector<Token>& tokens, const std::vector<std::string>& names) {
  std::vector<std::string> used;
  for (const Token& token : tokens) {
    if (token.kind != TokenKind::kIdentifier) {
      continue;
    }
    const std::string name(token.text);
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return Error{"unknown signal '" + name + "'" + core::suggestion(name, "known", {names.begin(), names.end()})};
    }
    if (std::find(used.begin(), used.end(), name) == used.end()) {
      used.push_back(name);
    }
  }
  return used;
}

Error not_understood(const mu::ParserError& error) {
  std::string message = error.GetMsg();
  while (!message.empty() && message.back() == '.') {
    message.pop_back();
  }
  return {message.empty() ? "not understood" : message};
}

}  // namespace

Result<std::unique_ptr<core::Expression>> compile_expression(std::string_view condition,
                                                             const std::vector<std::string>& names) {
  if (condition.size() > kLongestCondition) {
    return Error{"the condition is longer than " + std::to_string(kLongestCondition) + " bytes"};
  }
  const Result<std::vector<Token>> tokens = tokenize(condition);
  if (!tokens) {
    return tokens.error();
  }
  if (tokens->empty()) {
    return Error{"the condition is empty"};
  }
  const Result<void> checked = check_is_condition(*tokens);
  if (!checked) {
    return checked.error();
  }
  Result<std::vector<std::string>> variables = variables_of(*tokens, names);
  if (!variables) {
    return variables.error();
  }
  try {
    auto expression = std::make_unique<MuparserExpression>(std::string(condition), std::move(*variables));
    if (expression->results() != 1) {
      return Error{"a comma outside of a function's arguments"};
    }
    return std::unique_ptr<core::Expression>(std::move(expression));
  } catch (const mu::ParserError& error) {
    return not_understood(error);
  } catch (const std::exception& error) {
    return Error{std::string("the condition cannot be compiled: ") + error.what()};
  }
}

}  // namespace tcpperf::adapters

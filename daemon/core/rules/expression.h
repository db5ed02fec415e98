// The seam between rules and the expression library.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace tcpperf::core {

// A compiled condition. Not thread-safe: owned and evaluated by one rule.
class Expression {
 public:
  virtual ~Expression() = default;
  // The names it uses, each once, in order of appearance.
  [[nodiscard]] virtual const std::vector<std::string>& variables() const = 0;
  // `values` in the order of variables(). nullopt when the result is not a finite number (division by zero): not
  // evaluable, which is neither true nor false.
  [[nodiscard]] virtual std::optional<double> evaluate(const std::vector<double>& values) = 0;
};

// Compiles a condition whose variables must all be in `names`. The error names the unknown signal and lists the known
// ones, or says where the syntax is wrong.
using ExpressionCompiler = std::function<Result<std::unique_ptr<Expression>>(std::string_view condition,
                                                                             const std::vector<std::string>& names)>;

}  // namespace tcpperf::core

// muParser's engine with our operators, functions and units, and none of its own.
#pragma once

#include <muParserBase.h>

namespace tcpperf::adapters {

// Derived from the bare engine, not from mu::Parser: so there are no constants, no trigonometry, no `?:`, no
// assignment. The operators are ours because a value that is no number has no truth value either: not a number compared
// stays not a number, and `&&` and `||` follow three-valued logic.
class ConditionParser final : public mu::ParserBase {
 public:
  ConditionParser();

 private:
  void InitCharSets() override;
  void InitFun() override;
  void InitConst() override {}
  void InitOprt() override;
};

}  // namespace tcpperf::adapters

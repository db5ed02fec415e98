#include "adapters/expression/parser.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <system_error>

namespace tcpperf::adapters {
namespace {

constexpr double kUndecided = std::numeric_limits<double>::quiet_NaN();

double truth(bool value) {
  return value ? 1 : 0;
}

// Neither a number nor comparable with one: the outcome of 1/0, 0/0 or an overflow.
bool undecided(double a) {
  return !std::isfinite(a);
}

double add(double a, double b) {
  return a + b;
}
double subtract(double a, double b) {
  return a - b;
}
double multiply(double a, double b) {
  return a * b;
}
// These two could make a number of what is none: 1 / infinity is 0, and anything to the power of 0 is 1.
double divide(double a, double b) {
  return undecided(b) || b == 0 ? kUndecided : a / b;
}
double power(double a, double b) {
  return undecided(a) || undecided(b) ? kUndecided : std::pow(a, b);
}

double less(double a, double b) {
  return undecided(a) || undecided(b) ? kUndecided : truth(a < b);
}
double less_or_equal(double a, double b) {
  return undecided(a) || undecided(b) ? kUndecided : truth(a <= b);
}
double greater(double a, double b) {
  return less(b, a);
}
double greater_or_equal(double a, double b) {
  return less_or_equal(b, a);
}
double equal(double a, double b) {
  return undecided(a) || undecided(b) ? kUndecided : truth(a == b);
}
double not_equal(double a, double b) {
  return undecided(a) || undecided(b) ? kUndecided : truth(a != b);
}

double both(double a, double b) {
  if (a == 0 || b == 0) {
    return 0;
  }
  return undecided(a) || undecided(b) ? kUndecided : 1;
}
double either(double a, double b) {
  if ((!undecided(a) && a != 0) || (!undecided(b) && b != 0)) {
    return 1;
  }
  return undecided(a) || undecided(b) ? kUndecided : 0;
}
double negate(double a) {
  return undecided(a) ? kUndecided : truth(a == 0);
}

double minus(double a) {
  return -a;
}
double plus(double a) {
  return a;
}

double absolute(double a) {
  return std::fabs(a);
}

// The winner of `better` among the arguments; one that is no number spoils it.
template <typename Better>
double best(const double* values, int count, Better better) {
  if (count < 1) {
    throw mu::ParserError("min and max need an argument");
  }
  double winner = values[0];
  for (int i = 0; i < count; ++i) {
    if (undecided(values[i])) {
      return kUndecided;
    }
    if (better(values[i], winner)) {
      winner = values[i];
    }
  }
  return winner;
}
double minimum(const double* values, int count) {
  return best(values, count, [](double a, double b) { return a < b; });
}
double maximum(const double* values, int count) {
  return best(values, count, [](double a, double b) { return a > b; });
}

double nanoseconds(double a) {
  return a / 1e9;
}
double microseconds(double a) {
  return a / 1e6;
}
double milliseconds(double a) {
  return a / 1e3;
}
double seconds(double a) {
  return a;
}
double minutes(double a) {
  return a * 60;
}
double percent(double a) {
  return a / 100;
}

// A number at the start of `text`; muParser's own reader goes through a locale.
int read_number(const mu::char_type* text, int* position, mu::value_type* value) {
  if ((*text < '0' || *text > '9') && *text != '.') {
    return 0;
  }
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), *value);
  if (error != std::errc()) {
    return 0;
  }
  *position += static_cast<int>(end - text);
  return 1;
}

}  // namespace

ConditionParser::ConditionParser() {
  // The base class cannot call these: it is not yet one of us when it is constructed.
  InitCharSets();
  EnableBuiltInOprt(false);
  AddValIdent(read_number);
  InitFun();
  InitOprt();
}

void ConditionParser::InitCharSets() {
  const char* const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
  DefineNameChars(letters);
  DefineOprtChars("abcdefghijklmnopqrstuvwxyz+-*/^<>=!&|%");
  DefineInfixOprtChars("+-!");
}

void ConditionParser::InitFun() {
  DefineFun("min", minimum);
  DefineFun("max", maximum);
  DefineFun("abs", absolute);
}

void ConditionParser::InitOprt() {
  DefineOprt("||", either, mu::prLOR);
  DefineOprt("&&", both, mu::prLAND);
  DefineOprt("<", less, mu::prCMP);
  DefineOprt("<=", less_or_equal, mu::prCMP);
  DefineOprt(">", greater, mu::prCMP);
  DefineOprt(">=", greater_or_equal, mu::prCMP);
  DefineOprt("==", equal, mu::prCMP);
  DefineOprt("!=", not_equal, mu::prCMP);
  DefineOprt("+", add, mu::prADD_SUB);
  DefineOprt("-", subtract, mu::prADD_SUB);
  DefineOprt("*", multiply, mu::prMUL_DIV);
  DefineOprt("/", divide, mu::prMUL_DIV);
  DefineOprt("^", power, mu::prPOW, mu::oaRIGHT);

  DefineInfixOprt("-", minus, mu::prINFIX);
  DefineInfixOprt("+", plus, mu::prINFIX);
  DefineInfixOprt("!", negate, mu::prINFIX);

  DefinePostfixOprt("ns", nanoseconds);
  DefinePostfixOprt("us", microseconds);
  DefinePostfixOprt("ms", milliseconds);
  DefinePostfixOprt("s", seconds);
  DefinePostfixOprt("m", minutes);
  DefinePostfixOprt("%", percent);
}

}  // namespace tcpperf::adapters

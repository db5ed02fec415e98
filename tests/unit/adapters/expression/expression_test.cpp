// The language of conditions: what it computes.
#include "adapters/expression/expression.h"

#include <clocale>
#include <locale>
#include <optional>
#include <string>
#include <vector>

#include "catch.h"

using tcpperf::adapters::compile_expression;

namespace {

const std::vector<std::string> known_signals = {"a", "b", "c", "rtt_p50", "rtt_p99"};

// The result with every variable, in order of appearance, set to the given values.
std::optional<double> result(const std::string& condition, const std::vector<double>& values = {}) {
  auto compiled = compile_expression(condition, known_signals);
  INFO(condition << (compiled ? "" : ": " + compiled.error().message));
  REQUIRE(compiled);
  REQUIRE((*compiled)->variables().size() == values.size());
  return (*compiled)->evaluate(values);
}

void check_true(const std::string& condition, const std::vector<double>& values = {}) {
  INFO(condition);
  CHECK(result(condition, values) == 1.0);
}

void check_false(const std::string& condition, const std::vector<double>& values = {}) {
  INFO(condition);
  CHECK(result(condition, values) == 0.0);
}

void check_undecided(const std::string& condition, const std::vector<double>& values = {}) {
  INFO(condition);
  CHECK_FALSE(result(condition, values).has_value());
}

}  // namespace

TEST_CASE("a condition compares signals", "[expression]") {
  check_true("a > 1", {2});
  check_false("a > 1", {1});
  check_true("a >= 1", {1});
  check_false("a >= 1", {0.5});
  check_true("a < 1", {0.5});
  check_false("a < 1", {1});
  check_true("a <= 1", {1});
  check_false("a <= 1", {1.5});
  check_true("a == 1", {1});
  check_false("a == 1", {2});
  check_true("a != 1", {2});
  check_false("a != 1", {1});
}

TEST_CASE("arithmetic binds as in mathematics", "[expression]") {
  check_true("1 + 2 * 3 == 7");
  check_true("(1 + 2) * 3 == 9");
  check_true("7 - 4 - 2 == 1");
  check_true("16 / 4 / 2 == 2");
  check_true("2 ^ 3 ^ 2 == 512");
  check_true("-2 ^ 2 == -4");
  check_true("2 * -3 == -6");
  check_true("1 - -1 == 2");
  check_true("+1 == 1");
  check_true("2^-1 == 0.5");
}

TEST_CASE("and binds tighter than or, comparisons tighter than both", "[expression]") {
  check_true("1 < 2 || 1 > 2 && 1 > 2");
  check_false("(1 < 2 || 1 > 2) && 1 > 2");
  check_true("!(1 > 2)");
  check_true("!0 == 1");
  check_true("a > 1 && b > 1 || c > 1", {0, 5, 2});
}

TEST_CASE("operators need no spaces around them", "[expression]") {
  check_true("a<-1", {-2});
  check_true("a>-1&&b<=+3", {0, 3});
  check_true("a!=-1", {1});
  check_true("!a&&!b", {0, 0});
  check_true("5s>4s&&a>1m", {61});
  check_true("1%<a&&a<3%", {0.02});
  check_true("\ta\n>\r\n1 ", {2});
}

TEST_CASE("a unit scales the number before it to seconds or to a fraction", "[expression]") {
  check_true("a == 5ns", {5e-9});
  check_true("a == 7us", {7e-6});
  check_true("a == 10ms", {0.01});
  check_true("a == 3s", {3});
  check_true("a == 2m", {120});
  check_true("a == 1%", {0.01});
  check_true("a == 0.5%", {0.005});
  check_true("a == 1.5e3ms", {1.5});
  check_true("1s / 2ms == 500");
  check_true("-5ms < 0");
}

TEST_CASE("numbers may have a fraction and an exponent", "[expression]") {
  check_true("1e3 == 1000");
  check_true("1.5E+1 == 15");
  check_true("25e-1 == 2.5");
  check_true(".5 == 1 / 2");
  check_true("5. == 5");
}

TEST_CASE("min, max and abs", "[expression]") {
  check_true("min(a, b, 3) == 1", {1, 2});
  check_true("max(a, b, 3) == 3", {1, 2});
  check_true("max(a) == 1", {1});
  check_true("abs(a - b) == 4", {1, 5});
  check_true("max(a > 1, b > 1) == 1", {0, 2});
}

TEST_CASE("the variables are the names used, each once, in order of appearance", "[expression]") {
  auto compiled = compile_expression("rtt_p99 / rtt_p50 > 10 && rtt_p99 > 5ms", known_signals);
  REQUIRE(compiled);
  CHECK((*compiled)->variables() == std::vector<std::string>{"rtt_p99", "rtt_p50"});
  CHECK((*compiled)->evaluate({0.02, 0.001}) == 1.0);
  CHECK((*compiled)->evaluate({0.004, 0.0001}) == 0.0);
  CHECK((*compiled)->evaluate({0.02, 0.01}) == 0.0);
}

TEST_CASE("a condition may use no signal", "[expression]") {
  check_true("1 < 2");
}

TEST_CASE("the wrong number of values has no result", "[expression]") {
  auto compiled = compile_expression("a > b", known_signals);
  REQUIRE(compiled);
  CHECK_FALSE((*compiled)->evaluate({1}).has_value());
  CHECK_FALSE((*compiled)->evaluate({1, 2, 3}).has_value());
}

TEST_CASE("a division by zero is neither true nor false, whatever it is compared with", "[expression]") {
  check_undecided("a / b > 10", {1, 0});
  check_undecided("a / b < 10", {1, 0});
  check_undecided("a / b > 10", {0, 0});
  check_undecided("a / b == a / b", {1, 0});
  check_undecided("a / b != 1", {1, 0});
  check_undecided("!(a / b)", {1, 0});
  check_undecided("a > b / 0", {1, 0});
  check_undecided("1 / 0 > 1");
  check_undecided("1 / (a / b) < 1", {1, 0});
  check_undecided("(a / b) ^ 0 > 0", {1, 0});
  check_undecided("0 ^ (a / b) < 1", {1, 0});
  check_undecided("max(a / b, 1) > 0", {1, 0});
  check_undecided("min(1, a / b) > 0", {1, 0});
  check_undecided("abs(a / b) > 0", {1, 0});
  check_undecided("(a / b > 1) + 1", {1, 0});
}

TEST_CASE("an overflow and a root of a negative number are neither true nor false", "[expression]") {
  check_undecided("a ^ 400 > 1", {10});
  check_undecided("a * 1e300 > 1", {1e300});
  check_undecided("a ^ 0.5 > 1", {-1});
  check_undecided("1 / (a * 1e300) < 1", {1e300});
}

TEST_CASE("what the other side decides alone is decided", "[expression]") {
  check_false("b > 0 && a / b > 10", {0, 1});
  check_false("a / b > 10 && b > 0", {1, 0});
  check_true("b == 0 || a / b > 10", {0, 1});
  check_true("a / b > 10 || b == 0", {1, 0});
  check_undecided("b == 0 && a / b > 10", {0, 1});
  check_undecided("b > 0 || a / b > 10", {0, 1});
}

TEST_CASE("a condition reads the same in every locale", "[expression]") {
  struct Comma : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Comma));
  auto compiled = compile_expression("a > 1.5 && a < 1234.25", known_signals);
  const bool two = compiled && (*compiled)->evaluate({2}) == 1.0;
  const bool one = compiled && (*compiled)->evaluate({1.25}) == 0.0;
  std::locale::global(before);
  CHECK(two);
  CHECK(one);
}

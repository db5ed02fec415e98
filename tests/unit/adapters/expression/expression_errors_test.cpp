// The language of conditions: what it refuses, and what it says.
#include <random>
#include <string>
#include <vector>

#include "adapters/expression/expression.h"
#include "catch.h"

using tcpperf::adapters::compile_expression;

namespace {

const std::vector<std::string> known_signals = {"rtt_p50", "rtt_p99", "drops_per_second"};

// The error message; empty (and a failed check) when the condition was accepted.
std::string error_of(const std::string& condition) {
  const auto compiled = compile_expression(condition, known_signals);
  INFO("condition: " << condition);
  CHECK_FALSE(compiled.has_value());
  return compiled ? "" : compiled.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  INFO("in: " << text);
  const bool found = text.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

}  // namespace

TEST_CASE("an unknown signal is named, with the nearest and all known ones", "[expression]") {
  const std::string message = error_of("rtt_p98 > 5ms");
  contains(message, "unknown signal 'rtt_p98'");
  contains(message, "did you mean 'rtt_p99'?");
  contains(message, "known: rtt_p50, rtt_p99, drops_per_second");
}

TEST_CASE("a name that resembles none gets no suggestion", "[expression]") {
  const std::string message = error_of("banana > 5");
  contains(message, "unknown signal 'banana'");
  CHECK(message.find("did you mean") == std::string::npos);
}

TEST_CASE("without any signal the error says so", "[expression]") {
  const auto compiled = compile_expression("x > 1", {});
  REQUIRE_FALSE(compiled);
  contains(compiled.error().message, "known: nothing");
}

TEST_CASE("an empty condition is refused", "[expression]") {
  contains(error_of(""), "empty");
  contains(error_of(" \t\n"), "empty");
}

TEST_CASE("a condition longer than 1 KiB is refused, one of 1 KiB is not", "[expression]") {
  const std::string condition = "rtt_p99 > 1";
  const std::string full = condition + std::string(1024 - condition.size(), ' ');
  CHECK(compile_expression(full, known_signals).has_value());
  contains(error_of(full + " "), "longer than 1024 bytes");
}

TEST_CASE("a condition that compares nothing is refused", "[expression]") {
  for (const char* condition : {"rtt_p99", "1", "rtt_p99 - 5ms", "max(rtt_p99, rtt_p50)", "-rtt_p99", "(1)"}) {
    contains(error_of(condition), "no comparison");
  }
}

TEST_CASE("chained comparisons are refused", "[expression]") {
  for (const char* condition : {"1 < rtt_p99 < 3", "1 < !rtt_p99 < 3", "rtt_p50 == rtt_p99 == 1",
                                "(1 < rtt_p99 + (2) < 3)", "max(1 < 2 < 3, 1) > 0"}) {
    contains(error_of(condition), "cannot be chained");
  }
}

TEST_CASE("separate comparisons are no chain", "[expression]") {
  for (const char* condition : {"1 < rtt_p99 && rtt_p99 < 3", "(1 < rtt_p99) == (rtt_p99 < 3)",
                                "max(1 < rtt_p99, rtt_p99 < 3) > 0", "1 < (2 < 3) || 1 > 2"}) {
    INFO(condition);
    CHECK(compile_expression(condition, known_signals).has_value());
  }
}

TEST_CASE("an assignment is refused", "[expression]") {
  contains(error_of("rtt_p99 = 5"), "a comparison is '=='");
  error_of("rtt_p99 += 5 > 1");
  error_of("(rtt_p99 = 5) > 1");
}

TEST_CASE("single & and | are refused", "[expression]") {
  contains(error_of("rtt_p99 > 1 & rtt_p50 > 1"), "'&'");
  contains(error_of("rtt_p99 > 1 | rtt_p50 > 1"), "'|'");
}

TEST_CASE("strings, choices, constants and other functions are refused", "[expression]") {
  contains(error_of("rtt_p99 > \"5\""), "unexpected '\"' at column 11");
  error_of("rtt_p99 > '5'");
  error_of("rtt_p99 > 1 ? 1 : 0");
  contains(error_of("rtt_p99 > _pi"), "unknown signal '_pi'");
  contains(error_of("sin(rtt_p99) > 0"), "unknown signal 'sin'");
  error_of("sum(1,2) > 0");
  error_of("rnd() > 0");
  error_of("rtt_p99 > 0x10");
  error_of("rtt_p99 > #1");
  error_of("rtt_p99 > 1; 2");
  error_of("rtt_p99 > 1 and 2");
}

TEST_CASE("an unknown unit is refused and the known ones are listed", "[expression]") {
  contains(error_of("rtt_p99 > 5msec"), "unknown unit 'msec' (known: ns us ms s m %) at column 12");
  error_of("rtt_p99 > 5min");
  error_of("rtt_p99 > 5h");
  error_of("rtt_p99 > 5MS");
  error_of("rtt_p99 > 5s5");
  error_of("rtt_p99 > 5ms.");
  error_of("rtt_p99 > 1.2.3");
  error_of("rtt_p99 > 1e");
}

TEST_CASE("a unit belongs to a number alone", "[expression]") {
  error_of("rtt_p99 ms > 5");
  contains(error_of("rtt_p99 > 5 ms"), "the unit 'ms' must follow its number directly at column 13");
  error_of("rtt_p99 > 5 %");
  error_of("rtt_p99 % > 5");
  error_of("(1 + 2)ms > rtt_p99");
  error_of("rtt_p99 > 5%%");
  error_of("rtt_p99 % 5 > 1");
  error_of("rtt_p99 > 5%5");
}

TEST_CASE("bad grammar is an error, not an exception", "[expression]") {
  for (const char* condition : {">",
                                "rtt_p99 >",
                                "> 1",
                                "rtt_p99 > > 1",
                                "rtt_p99 > 1 &&",
                                "(rtt_p99 > 1",
                                "rtt_p99 > 1)",
                                "() > 1",
                                "rtt_p99 rtt_p50 > 1",
                                "1 2 > 1",
                                "rtt_p99(1) > 1",
                                "min() > 1",
                                "abs() > 1",
                                "abs(1, 2) > 1",
                                "min > 1",
                                "max(1,) > 0",
                                "max(,1) > 0",
                                "rtt_p99 > 1, 2",
                                "(1, 2) > 1",
                                "1 > 2, 3 > 4",
                                ", > 1",
                                "!",
                                "rtt_p99 ! > 1",
                                "rtt_p99 > 1 !",
                                "min(1 > 0",
                                "abs 1 > 0",
                                "*1 > 0",
                                "^1 > 0",
                                "1 ! = 2",
                                "2(3) > 1",
                                "(1)(2) > 1"}) {
    INFO(condition);
    CHECK_FALSE(error_of(condition).empty());
  }
}

TEST_CASE("bytes outside of ASCII and control characters are refused by their number", "[expression]") {
  contains(error_of("rtt_p99 > 5\xc2\xb5s"), "byte 0xc2");
  contains(error_of(std::string("rtt_p99 > 1\0 2", 14)), "byte 0x00 at column 12");
  contains(error_of("rtt_p99 \x01> 1"), "byte 0x01");
}

TEST_CASE("a number beyond all bounds is refused", "[expression]") {
  error_of("rtt_p99 > 1e999");
}

TEST_CASE("deep nesting up to the length limit is harmless", "[expression]") {
  std::string nested = "rtt_p99 > 1";
  while (nested.size() + 2 <= 1024) {
    nested.insert(nested.begin(), '(');
    nested += ')';
  }
  CHECK(compile_expression(nested, known_signals).has_value());
  CHECK_FALSE(compile_expression(std::string(1000, '(') + "1 > 0", known_signals).has_value());
  error_of("1 > " + std::string(1000, '-') + "1");
}

TEST_CASE("random words never escape as an exception, and what compiles evaluates", "[expression]") {
  const std::vector<std::string> words = {"rtt_p99", "rtt_p50 > 1", "1 < 2", "2.5",  "5ms",  "1%",  "+",    "-",
                                          "*",       "/",           "^",     "<",    ">=",   "==",  " && ", " || ",
                                          "!",       "(",           ")",     "(",    ")",    ",",   "=",    "?",
                                          ":",       "%",           "s",     "m",    "e",    ".",   " ",    "\"",
                                          "min(",    "abs(",        "max(",  " && ", " || ", " && "};
  std::mt19937 random(4711);
  int compiled_count = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string condition;
    for (auto n = random() % 12; n > 0; --n) {
      condition += words[random() % words.size()];
    }
    auto compiled = compile_expression(condition, known_signals);
    if (compiled) {
      ++compiled_count;
      const std::vector<double> values((*compiled)->variables().size(), 0.0);
      (void)(*compiled)->evaluate(values);
    }
  }
  CHECK(compiled_count > 100);
}

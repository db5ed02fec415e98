// Alert rules: what each must have, and how they must fit together.
#include <string>

#include "support.h"

using namespace std::chrono_literals;
using namespace tcpperf;
using tcpperf::test::Errors;
using tcpperf::test::errors_of;
using tcpperf::test::valid;

namespace {

std::string alert_with(const std::string& keys) {
  return "alerts: [{name: a, condition: x > 1, " + keys + "}]";
}

}  // namespace

TEST_CASE("an alert needs a name and a condition", "[config]") {
  CHECK(errors_of("alerts:\n  - severity: info\n") ==
        Errors{"2:5: alerts[0]: missing key 'name'", "2:5: alerts[0]: missing key 'condition'"});
  CHECK(errors_of("alerts:\n  - name: a\n") == Errors{"2:5: alerts[0]: missing key 'condition'"});
  CHECK(errors_of("alerts: [~]\n") ==
        Errors{"1:9: alerts[0]: missing key 'name'", "1:9: alerts[0]: missing key 'condition'"});
}

TEST_CASE("the name of an alert is a lower-case word", "[config]") {
  const std::string longest(64, 'a');
  CHECK(valid("alerts: [{name: " + longest + ", condition: x}]").alerts.at(0).name == longest);
  CHECK(valid("alerts: [{name: a_1, condition: x}]").alerts.at(0).name == "a_1");
  for (const std::string name : {"A", "1a", "_a", "a-b", "a b", "ä"}) {
    INFO(name);
    CHECK(errors_of("alerts: [{name: " + name + ", condition: x}]") ==
          Errors{"1:17: alerts[0].name: expected a name of a-z, 0-9 and _ that begins with a letter and has at most 64 "
                 "characters, found '" +
                 name + "'"});
  }
  CHECK(errors_of("alerts: [{name: " + longest + "a, condition: x}]").size() == 1);
  CHECK(errors_of("alerts: [{name: '', condition: x}]").size() == 1);
}

TEST_CASE("two alerts of one name are an error at the second", "[config]") {
  CHECK(errors_of("alerts:\n  - {name: a, condition: x}\n  - {name: b, condition: x}\n  - {name: a, condition: y}\n") ==
        Errors{"4:12: alerts[2].name: duplicate alert 'a'; first given on line 2"});
}

TEST_CASE("a condition that does not compile is an error with the compiler's words", "[config]") {
  CHECK(errors_of("alerts:\n  - name: a\n    condition: unknown > 1\n") ==
        Errors{"3:16: alerts[0].condition: unknown signal"});
}

TEST_CASE("an empty condition is an error", "[config]") {
  CHECK(errors_of("alerts: [{name: a, condition: '  '}]") ==
        Errors{"1:31: alerts[0].condition: expected a condition such as rtt_p99 > 100ms, found nothing"});
}

TEST_CASE("texts of an alert have at most 1024 bytes", "[config]") {
  const std::string longest(1024, 'x');
  CHECK(valid(alert_with("diagnosis: " + longest)).alerts.at(0).diagnosis == longest);
  CHECK(errors_of(alert_with("action: " + longest + "x")) ==
        Errors{"1:46: alerts[0].action: expected at most 1024 bytes, found 1025"});
  CHECK(errors_of(alert_with("diagnosis: [a]")) == Errors{"1:49: alerts[0].diagnosis: expected text, found a list"});
}

TEST_CASE("the severity is one of three words", "[config]") {
  CHECK(valid(alert_with("severity: info")).alerts.at(0).severity == core::Severity::kInfo);
  CHECK(valid(alert_with("severity: warning")).alerts.at(0).severity == core::Severity::kWarning);
  CHECK(valid(alert_with("severity: critical")).alerts.at(0).severity == core::Severity::kCritical);
  CHECK(errors_of(alert_with("severity: page")) ==
        Errors{"1:48: alerts[0].severity: expected one of info, warning, critical, found 'page'"});
}

TEST_CASE("a window is at least the tick and at most an hour", "[config]") {
  CHECK(valid("tick: 30s\n" + alert_with("window: 30s")).alerts.at(0).window == 30s);
  CHECK(valid(alert_with("window: 1h")).alerts.at(0).window == 1h);
  CHECK(errors_of(alert_with("window: 4s999ms")) ==
        Errors{"1:46: alerts[0].window: expected at least the tick (5s), found '4s999ms'"});
  CHECK(errors_of(alert_with("window: 1h1ms")) ==
        Errors{"1:46: alerts[0].window: expected a duration from 100ms to 1h, found '1h1ms'"});
}

TEST_CASE("the window is compared with the tick wherever the tick is given", "[config]") {
  CHECK(errors_of(alert_with("window: 20s") + "\ntick: 30s\n") ==
        Errors{"1:46: alerts[0].window: expected at least the tick (30s), found '20s'"});
}

TEST_CASE("the default window is compared with the tick too", "[config]") {
  CHECK(errors_of("tick: 2m\nalerts:\n  - {name: a, condition: x}\n") ==
        Errors{"3:5: alerts[0]: expected a 'window' of at least the tick (2m), found none; the default is shorter"});
}

TEST_CASE("a faulty tick or window is not compared", "[config]") {
  CHECK(errors_of("tick: 20\n" + alert_with("window: 1s")).size() == 1);
  CHECK(errors_of("tick: 2m\n" + alert_with("window: 1")).size() == 1);
}

TEST_CASE("an alert may fire at once or after up to a day", "[config]") {
  CHECK(valid(alert_with("for: 0s")).alerts.at(0).hold == 0s);
  CHECK(valid(alert_with("for: 24h")).alerts.at(0).hold == 24h);
  CHECK(errors_of(alert_with("for: 24h1ms")) ==
        Errors{"1:43: alerts[0].for: expected a duration from 0s to 24h, found '24h1ms'"});
  CHECK(errors_of(alert_with("for: 0")) ==
        Errors{"1:43: alerts[0].for: expected a duration with its unit (ms, s, m or h), found '0'"});
}

TEST_CASE("minimum_samples is a whole number", "[config]") {
  CHECK(valid(alert_with("minimum_samples: 1000000000")).alerts.at(0).minimum_samples == 1'000'000'000);
  CHECK(errors_of(alert_with("minimum_samples: many")) ==
        Errors{"1:55: alerts[0].minimum_samples: expected a whole number from 0 to 1000000000, found 'many'"});
}

TEST_CASE("alerts are a list", "[config]") {
  CHECK(errors_of("alerts: {name: a}\n") == Errors{"1:9: alerts: expected a list, found a map"});
  CHECK(errors_of("alerts: none\n") == Errors{"1:9: alerts: expected a map, found 'none'"});
}

// Alerts as JSON and as text.
#include <chrono>
#include <cmath>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include "adapters/sinks/alert_json.h"
#include "adapters/sinks/alert_text.h"
#include "adapters/sinks/sink_support.h"
#include "catch.h"

using nlohmann::json;
using tcpperf::adapters::iso8601_utc;
using tcpperf::adapters::kLongestAlertText;
using tcpperf::adapters::to_json;
using tcpperf::adapters::to_text;
using tcpperf::adapters::with_unit;
using tcpperf::core::AlertEvent;
using tcpperf::core::Unit;
using tcpperf::sink_tests::firing;
using tcpperf::sink_tests::resolved;

TEST_CASE("an alert as JSON has every field", "[sinks]") {
  const json expected = {{"timestamp", "2025-12-31T23:59:59.042Z"},
                         {"tool", "tcpperf"},
                         {"type", "alert"},
                         {"host", "web-1"},
                         {"alert", "tail_latency"},
                         {"state", "firing"},
                         {"severity", "critical"},
                         {"condition", "rtt_p99 / rtt_p50 > 10"},
                         {"signals", {{"rtt_p99", 0.0051}, {"rtt_p50", 0.0001}}},
                         {"samples", 12345},
                         {"window_seconds", 60.0},
                         {"for_seconds", 30.0},
                         {"active_seconds", 30.0},
                         {"reason", ""},
                         {"diagnosis", "Queues build up."},
                         {"action", "Look at the drops."}};
  CHECK(json::parse(to_json(firing(), "web-1")) == expected);
}

TEST_CASE("a resolved alert says why, and how long it fired to the millisecond", "[sinks]") {
  const json record = json::parse(to_json(resolved(), "web-1"));
  CHECK(record["state"] == "resolved");
  CHECK(record["reason"] == "the condition is false");
  CHECK(record["active_seconds"] == 125.5);
}

TEST_CASE("the JSON is one line whatever the texts hold", "[sinks]") {
  AlertEvent event = firing();
  event.rule.diagnosis = "one\ntwo \"quoted\" \\ \x01 \xc3\xa4 \xff";
  const std::string line = to_json(event, "h");
  CHECK(line.find('\n') == std::string::npos);
  CHECK(json::parse(line)["diagnosis"] == "one\ntwo \"quoted\" \\ \x01 \xc3\xa4 \xef\xbf\xbd");
}

TEST_CASE("a value that is no number is null", "[sinks]") {
  AlertEvent event = firing();
  event.signals = {{"x", std::numeric_limits<double>::quiet_NaN(), Unit::kNone}};
  CHECK(json::parse(to_json(event, "h"))["signals"]["x"].is_null());
}

TEST_CASE("timestamps are UTC with three digits of milliseconds, before 1970 too", "[sinks]") {
  using Time = std::chrono::system_clock::time_point;
  CHECK(iso8601_utc(Time()) == "1970-01-01T00:00:00.000Z");
  CHECK(iso8601_utc(Time(std::chrono::microseconds(1'999'999))) == "1970-01-01T00:00:01.999Z");
  CHECK(iso8601_utc(Time(-std::chrono::milliseconds(1))) == "1969-12-31T23:59:59.999Z");
  CHECK(iso8601_utc(Time(std::chrono::seconds(1'709'210'096))) == "2024-02-29T12:34:56.000Z");
}

TEST_CASE("a firing alert as text", "[sinks]") {
  CHECK(to_text(firing()) ==
        "FIRING critical tail_latency: rtt_p99 / rtt_p50 > 10 for 30s; rtt_p99=5.1ms rtt_p50=100us samples=12345. "
        "Queues build up. Look at the drops.");
}

TEST_CASE("what a rule leaves out is left out of the text", "[sinks]") {
  AlertEvent event = firing();
  event.rule.hold = std::chrono::milliseconds(0);
  event.rule.diagnosis.clear();
  event.rule.action.clear();
  event.signals.clear();
  CHECK(to_text(event) == "FIRING critical tail_latency: rtt_p99 / rtt_p50 > 10; samples=12345.");
}

TEST_CASE("a resolved alert as text", "[sinks]") {
  CHECK(to_text(resolved()) ==
        "RESOLVED critical tail_latency: rtt_p99 / rtt_p50 > 10, after 125500ms: the condition is false; "
        "rtt_p99=5.1ms rtt_p50=100us samples=12345");
  AlertEvent event = resolved();
  event.signals.clear();
  event.active_for = std::chrono::seconds(90);
  CHECK(to_text(event) == "RESOLVED critical tail_latency: rtt_p99 / rtt_p50 > 10, after 90s: the condition is false");
}

TEST_CASE("control characters in texts are escaped, UTF-8 is not", "[sinks]") {
  AlertEvent event = firing();
  event.rule.diagnosis = "a\nb\tc\x1b[31m\x7f \xc3\xa4";
  const std::string text = to_text(event);
  CHECK(text.find("a\\x0ab\\x09c\\x1b[31m\\x7f \xc3\xa4") != std::string::npos);
  CHECK(text.find('\n') == std::string::npos);
}

TEST_CASE("long texts end in dots at the limit, between two characters", "[sinks]") {
  for (std::size_t padding = 0; padding < 4; ++padding) {
    AlertEvent event = firing();
    event.rule.diagnosis = std::string(padding, 'x');
    for (int i = 0; i < 2000; ++i) {
      event.rule.diagnosis += "\xe2\x82\xac";
    }
    const std::string text = to_text(event);
    CHECK(text.size() <= kLongestAlertText);
    CHECK(text.size() > kLongestAlertText - 4);
    CHECK(text.substr(text.size() - 6) == "\xe2\x82\xac...");
  }
}

TEST_CASE("a text of exactly the limit is whole", "[sinks]") {
  AlertEvent event = firing();
  event.rule.action.clear();
  event.rule.diagnosis = "x";
  event.rule.diagnosis += std::string(kLongestAlertText - to_text(event).size(), 'y');
  const std::string text = to_text(event);
  CHECK(text.size() == kLongestAlertText);
  CHECK(text.back() == 'y');
  event.rule.diagnosis += 'y';
  CHECK(to_text(event).substr(kLongestAlertText - 4) == "y...");
}

TEST_CASE("values are shown in the unit that suits their size", "[sinks]") {
  CHECK(with_unit(0, Unit::kSeconds) == "0s");
  CHECK(with_unit(1, Unit::kSeconds) == "1s");
  CHECK(with_unit(125.26, Unit::kSeconds) == "125.3s");
  CHECK(with_unit(0.001, Unit::kSeconds) == "1ms");
  CHECK(with_unit(0.0009, Unit::kSeconds) == "900us");
  CHECK(with_unit(1.5e-7, Unit::kSeconds) == "150ns");
  CHECK(with_unit(-0.002, Unit::kSeconds) == "-2ms");
  CHECK(with_unit(0.025, Unit::kRatio) == "2.5%");
  CHECK(with_unit(1500, Unit::kBytes) == "1500 bytes");
  CHECK(with_unit(42, Unit::kNone) == "42");
}

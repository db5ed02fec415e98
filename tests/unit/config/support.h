// A small probe table and short ways to parse with it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "catch.h"
#include "config/parser.h"

namespace tcpperf::test {

inline core::ProbeTable small_probe_table() {
  static const core::ProbeDescriptor rtt = [] {
    core::ProbeDescriptor probe;
    probe.name = "rtt";
    probe.summary = "How long do segments take?";
    probe.knobs = {
        {"raw", "rtt_raw", core::KnobType::kBool, 1, 0, 1, "Raw samples."},
        {"sample_every", "rtt_sample_every", core::KnobType::kCount, 1, 1, 1000, "One of so many."},
        {"ignore_below", "rtt_ignore_below", core::KnobType::kDuration, 50'000, 0, 1'000'000'000, "Too short."},
    };
    return probe;
  }();
  static const core::ProbeDescriptor drop = [] {
    core::ProbeDescriptor probe;
    probe.name = "drop";
    probe.summary = "What is thrown away?";
    return probe;
  }();
  static const core::ProbeDescriptor* const table[] = {&rtt, &drop};
  return table;
}

// Conditions that contain "unknown" are refused.
inline core::Result<void> check_condition(std::string_view condition) {
  if (condition.find("unknown") != std::string_view::npos) {
    return core::Error{"unknown signal"};
  }
  return {};
}

inline config::ParseOutcome parse(std::string_view text) {
  return config::parse_config(text, {small_probe_table(), check_condition});
}

inline config::Config valid(std::string_view text) {
  auto outcome = parse(text);
  for (const auto& error : outcome.errors) {
    UNSCOPED_INFO(config::format_error("file", error));
  }
  REQUIRE(outcome.config);
  CHECK(outcome.errors.empty());
  return *outcome.config;
}

// Each as "line:column: message".
inline std::vector<std::string> errors_of(std::string_view text) {
  const auto outcome = parse(text);
  CHECK_FALSE(outcome.config);
  std::vector<std::string> result;
  for (const auto& error : outcome.errors) {
    result.push_back(std::to_string(error.line) + ":" + std::to_string(error.column) + ": " + error.message);
  }
  return result;
}

using Errors = std::vector<std::string>;

}  // namespace tcpperf::test

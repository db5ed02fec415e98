// Any bytes as a configuration: no crash, and either a configuration or errors, each one line of text with a place in
// the file.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "config/parser.h"
#include "config/text.h"

namespace {

using tcpperf::config::RuleFile;
using tcpperf::core::Error;
using tcpperf::core::KnobType;
using tcpperf::core::ProbeDescriptor;
using tcpperf::core::Result;

tcpperf::core::ProbeTable probes() {
  static const ProbeDescriptor rtt = [] {
    ProbeDescriptor probe;
    probe.name = "rtt";
    probe.knobs = {{"raw", "", KnobType::kBool, 1, 0, 1, ""},
                   {"sample_every", "", KnobType::kCount, 1, 1, 1000, ""},
                   {"ignore_below", "", KnobType::kDuration, 0, 0, 1'000'000'000, ""}};
    return probe;
  }();
  static const std::array<const ProbeDescriptor*, 1> table = {&rtt};
  return table;
}

tcpperf::core::Result<void> check_condition(std::string_view condition) {
  if (condition.find('?') != std::string_view::npos) {
    return tcpperf::core::Error{"refused"};
  }
  return {};
}

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it by this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // The same bytes as a rule file too: of any name but one, which is not there.
  const auto find_rule_files = [&](const std::string& pattern) -> Result<std::vector<RuleFile>> {
    if (pattern == "none") {
      return Error{"not there"};
    }
    return std::vector<RuleFile>{{"rules", std::string(text)}};
  };
  const auto outcome = tcpperf::config::parse_config(text, {probes(), check_condition, find_rule_files});
  require(outcome.config.has_value() == outcome.errors.empty());
  // A syntax error may lie behind the last line end.
  const auto lines = std::count(text.begin(), text.end(), '\n') + 2;
  for (const auto& error : outcome.errors) {
    require(!error.message.empty() && error.message.find_first_of("\t\r\n") == std::string::npos &&
            !tcpperf::config::find_bad_character(error.message));
    require(error.line >= 0 && error.line <= lines && error.column >= 0);
  }
  return 0;
}

#include "adapters/sinks/journal_entry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>

#include <syslog.h>

#include "adapters/sinks/alert_text.h"
#include "adapters/sinks/syslog_priority.h"

namespace tcpperf::adapters {
namespace {

// "NAME=value", or where the value has line breaks the name, its length as 64 bits in little endian, and the value.
void append(std::string& entry, std::string_view name, std::string value) {
  shorten(value, kLongestJournalValue);
  entry += name;
  if (value.find('\n') == std::string::npos) {
    entry += '=';
  } else {
    entry += '\n';
    for (std::size_t shift = 0; shift < 64; shift += 8) {
      entry += static_cast<char>(static_cast<std::uint64_t>(value.size()) >> shift & 0xffU);
    }
  }
  entry += value;
  entry += '\n';
}

// As many digits as it takes to have the same double again.
std::string number(double value) {
  std::array<char, 32> text{};
  const std::to_chars_result end = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end.ptr};
}

std::string seconds(std::chrono::milliseconds duration) {
  return number(std::chrono::duration<double>(duration).count());
}

std::string signal_field(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return "TCPPERF_SIGNAL_" + name;
}

}  // namespace

std::string journal_entry(const core::AlertEvent& event) {
  const core::RuleSpec& rule = event.rule;
  const bool firing = event.state == core::AlertState::kFiring;
  std::string entry;
  append(entry, "MESSAGE", to_text(event));
  append(entry, "MESSAGE_ID", std::string(firing ? kAlertFiringId : kAlertResolvedId));
  append(entry, "PRIORITY", std::to_string(syslog_severity(event)));
  append(entry, "SYSLOG_FACILITY", std::to_string(LOG_FAC(LOG_DAEMON)));
  append(entry, "SYSLOG_IDENTIFIER", "tcpperf");
  append(entry, "TCPPERF_ALERT", rule.name);
  append(entry, "TCPPERF_STATE", std::string(to_string(event.state)));
  append(entry, "TCPPERF_SEVERITY", std::string(to_string(rule.severity)));
  append(entry, "TCPPERF_CONDITION", rule.condition);
  append(entry, "TCPPERF_VALUE", signals_text(event));
  for (const core::SignalReading& signal : event.signals) {
    append(entry, signal_field(signal.name), number(signal.value));
  }
  append(entry, "TCPPERF_SAMPLES", std::to_string(event.samples));
  append(entry, "TCPPERF_WINDOW_SECONDS", seconds(rule.window));
  append(entry, "TCPPERF_FOR_SECONDS", seconds(rule.hold));
  append(entry, "TCPPERF_ACTIVE_SECONDS", seconds(event.active_for));
  append(entry, "TCPPERF_REASON", event.reason);
  append(entry, "TCPPERF_DIAGNOSIS", rule.diagnosis);
  append(entry, "TCPPERF_ACTION", rule.action);
  return entry;
}

}  // namespace tcpperf::adapters

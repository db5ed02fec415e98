#include "adapters/sinks/alert_text.h"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace tcpperf::adapters {
namespace {

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

std::string time_text(double seconds) {
  const double magnitude = std::fabs(seconds);
  if (magnitude >= 1 || magnitude == 0) {
    return number(seconds) + "s";
  }
  if (magnitude >= 1e-3) {
    return number(seconds * 1e3) + "ms";
  }
  return magnitude >= 1e-6 ? number(seconds * 1e6) + "us" : number(seconds * 1e9) + "ns";
}

std::string duration_text(std::chrono::milliseconds duration) {
  if (duration.count() % 1000 == 0) {
    return std::to_string(duration.count() / 1000) + "s";
  }
  return std::to_string(duration.count()) + "ms";
}

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
      continue;
    }
    std::array<char, 8> code{};
    std::snprintf(code.data(), code.size(), "\\x%02x", static_cast<unsigned>(byte));
    out += code.data();
  }
  return out;
}

std::string evidence(const core::AlertEvent& event) {
  const std::string signals = signals_text(event);
  return signals + (signals.empty() ? "" : " ") + "samples=" + std::to_string(event.samples);
}

}  // namespace

void shorten(std::string& text, std::size_t longest) {
  constexpr std::string_view kEllipsis = "...";
  if (text.size() <= longest) {
    return;
  }
  std::size_t end = longest - kEllipsis.size();
  while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xc0U) == 0x80) {
    --end;
  }
  text.resize(end);
  text += kEllipsis;
}

std::string signals_text(const core::AlertEvent& event) {
  std::string text;
  for (const core::SignalReading& signal : event.signals) {
    text += (text.empty() ? "" : " ") + signal.name + "=" + with_unit(signal.value, signal.unit);
  }
  return text;
}

std::string with_unit(double value, core::Unit unit) {
  switch (unit) {
    case core::Unit::kSeconds: return time_text(value);
    case core::Unit::kRatio: return number(value * 100) + "%";
    case core::Unit::kBytes:
    case core::Unit::kSegments:
    case core::Unit::kPackets:
    case core::Unit::kConnections:
    case core::Unit::kBytesPerSecond: return number(value) + " " + std::string(to_string(unit));
    case core::Unit::kNone:
    case core::Unit::kTimestampSeconds: break;
  }
  return number(value);
}

std::string to_text(const core::AlertEvent& event) {
  const core::RuleSpec& rule = event.rule;
  const std::string head = std::string(to_string(rule.severity)) + " " + rule.name + ": " + rule.condition;
  std::string text;
  switch (event.state) {
    case core::AlertState::kFiring:
      text = "FIRING " + head;
      if (rule.hold.count() != 0) {
        text += " for " + duration_text(rule.hold);
      }
      text += "; " + evidence(event) + ".";
      for (const std::string* sentence : {&rule.diagnosis, &rule.action}) {
        if (!sentence->empty()) {
          text += " " + *sentence;
        }
      }
      break;
    case core::AlertState::kResolved:
      text = "RESOLVED " + head + ", after " + duration_text(event.active_for) + ": " + event.reason;
      if (!event.signals.empty()) {
        text += "; " + evidence(event);
      }
      break;
  }
  text = escaped(text);
  shorten(text, kLongestAlertText);
  return text;
}

}  // namespace tcpperf::adapters

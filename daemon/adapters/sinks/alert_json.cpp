#include "adapters/sinks/alert_json.h"

#include <array>
#include <cstdio>
#include <ctime>
#include <utility>

#include <nlohmann/json.hpp>
namespace tcpperf::adapters {
namespace {

double seconds(std::chrono::milliseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::string iso8601_utc(std::chrono::system_clock::time_point time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time - whole);
  const std::time_t clock = std::chrono::system_clock::to_time_t(whole);
  std::tm parts{};
  gmtime_r(&clock, &parts);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, static_cast<int>(milliseconds.count()));
  return text.data();
}

std::string to_json(const core::AlertEvent& event, std::string_view host) {
  using Json = nlohmann::ordered_json;
  Json signals = Json::object();
  for (const core::SignalReading& signal : event.signals) {
    signals[signal.name] = signal.value;
  }
  Json record = Json::object();
  record["timestamp"] = iso8601_utc(event.time);
  record["tool"] = "tcpperf";
  record["type"] = "alert";
  record["host"] = host;
  record["alert"] = event.rule.name;
  record["state"] = to_string(event.state);
  record["severity"] = to_string(event.rule.severity);
  record["condition"] = event.rule.condition;
  record["signals"] = std::move(signals);
  record["samples"] = event.samples;
  record["window_seconds"] = seconds(event.rule.window);
  record["for_seconds"] = seconds(event.rule.hold);
  record["active_seconds"] = seconds(event.active_for);
  record["reason"] = event.reason;
  record["diagnosis"] = event.rule.diagnosis;
  record["action"] = event.rule.action;
  return record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tcpperf::adapters

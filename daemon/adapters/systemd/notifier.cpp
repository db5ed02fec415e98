#include "adapters/systemd/notifier.h"

#include <algorithm>
#include <cstdint>

#include <systemd/sd-daemon.h>

namespace tcpperf::adapters {
namespace {

core::Result<void> notify(const std::string& state) {
  const int result = ::sd_notify(0, state.c_str());
  if (result < 0) {
    return core::Error::from_errno("notify the service manager", -result);
  }
  return {};
}

// A line break would begin another assignment of the protocol.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
  return text;
}

}  // namespace

core::Result<void> Notifier::ready(const std::string& status) {
  return notify("READY=1\nSTATUS=" + one_line(status));
}

core::Result<void> Notifier::status(const std::string& status) {
  return notify("STATUS=" + one_line(status));
}

core::Result<void> Notifier::reloading(std::chrono::microseconds now) {
  return notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()));
}

core::Result<void> Notifier::stopping() {
  return notify("STOPPING=1");
}

core::Result<void> Notifier::watchdog() {
  return notify("WATCHDOG=1");
}

std::optional<std::chrono::microseconds> watchdog_interval() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) <= 0) {
    return std::nullopt;
  }
  return std::chrono::microseconds(std::max<std::uint64_t>(microseconds / 2, 1));
}

}  // namespace tcpperf::adapters

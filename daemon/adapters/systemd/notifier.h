// What the daemon tells the service manager, over sd_notify(3).
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "core/base/result.h"

namespace tcpperf::adapters {

// Without NOTIFY_SOCKET in the environment every call succeeds and does nothing. Any thread, as long as nobody changes
// the environment. A status is one line; line breaks in it become spaces.
class Notifier {
 public:
  // Start or reload is complete.
  [[nodiscard]] static core::Result<void> ready(const std::string& status);
  // What `systemctl status` shows.
  [[nodiscard]] static core::Result<void> status(const std::string& status);
  // A reload begins; ready() ends it. `now`: CLOCK_MONOTONIC, which units of Type=notify-reload insist on.
  [[nodiscard]] static core::Result<void> reloading(std::chrono::microseconds now);
  // The daemon is ending.
  [[nodiscard]] static core::Result<void> stopping();
  // The daemon is alive; to be called every watchdog_interval().
  [[nodiscard]] static core::Result<void> watchdog();
};

// How often the service manager wants to hear from us: half of WatchdogSec=, so that one late call does no harm.
// nullopt when it does not watch this process.
std::optional<std::chrono::microseconds> watchdog_interval();

}  // namespace tcpperf::adapters

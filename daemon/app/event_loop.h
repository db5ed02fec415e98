// The main thread's loop: ticks, an alarm, signals and the watchdog.
#pragma once

#include <chrono>
#include <functional>

#include "core/base/result.h"

namespace tcpperf::app {

// Owns its file descriptors; move-only; one thread.
class EventLoop {
 public:
  struct Handlers {
    std::function<void()> tick;
    std::function<void()> watchdog;
    std::function<void()> alarm;
    std::function<void()> reload;  // SIGHUP
  };

  // Blocks SIGTERM, SIGINT and SIGHUP for the calling thread and those it starts later, so that they arrive here.
  static core::Result<EventLoop> create();

  EventLoop(EventLoop&& other) noexcept;
  EventLoop& operator=(EventLoop&&) = delete;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  // Zero switches a period off.
  void set_tick(std::chrono::nanoseconds period) const;
  void set_watchdog(std::chrono::nanoseconds period) const;
  // Once, in place of one that is still to come; zero takes that back.
  void set_alarm(std::chrono::nanoseconds after) const;

  // Until SIGTERM or SIGINT. A period that passed several times while a handler ran is handled once.
  core::Result<void> run(const Handlers& handlers) const;

 private:
  EventLoop(int epoll, int signals, int tick, int watchdog, int alarm)
      : epoll_(epoll), signals_(signals), tick_(tick), watchdog_(watchdog), alarm_(alarm) {}

  int epoll_;
  int signals_;
  int tick_;
  int watchdog_;
  int alarm_;
};

}  // namespace tcpperf::app

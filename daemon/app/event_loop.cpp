#include "app/event_loop.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace tcpperf::app {
namespace {

timespec as_timespec(std::chrono::nanoseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  return {static_cast<time_t>(seconds.count()), static_cast<long>((duration - seconds).count())};
}

// Zero: once.
void set_timer(int timer, std::chrono::nanoseconds first, std::chrono::nanoseconds period) {
  const itimerspec setting{as_timespec(period), as_timespec(first)};
  timerfd_settime(timer, 0, &setting, nullptr);
}

// Takes what a timer or the signal descriptor has ready; false when it was nothing.
template <typename T>
bool take(int fd, T& out) {
  return read(fd, &out, sizeof(out)) == sizeof(out);
}

}  // namespace

core::Result<EventLoop> EventLoop::create() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  EventLoop loop(epoll_create1(EPOLL_CLOEXEC), signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK),
                 timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                 timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                 timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  for (const int fd : {loop.signals_, loop.tick_, loop.watchdog_, loop.alarm_}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (loop.epoll_ < 0 || fd < 0 || epoll_ctl(loop.epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
      return core::Error::from_errno("create the event loop", errno);
    }
  }
  return loop;
}

EventLoop::EventLoop(EventLoop&& other) noexcept
    : epoll_(std::exchange(other.epoll_, -1)),
      signals_(std::exchange(other.signals_, -1)),
      tick_(std::exchange(other.tick_, -1)),
      watchdog_(std::exchange(other.watchdog_, -1)),
      alarm_(std::exchange(other.alarm_, -1)) {}

EventLoop::~EventLoop() {
  for (const int fd : {epoll_, signals_, tick_, watchdog_, alarm_}) {
    if (fd >= 0) {
      close(fd);
    }
  }
}

void EventLoop::set_tick(std::chrono::nanoseconds period) const {
  set_timer(tick_, period, period);
}
void EventLoop::set_watchdog(std::chrono::nanoseconds period) const {
  set_timer(watchdog_, period, period);
}
void EventLoop::set_alarm(std::chrono::nanoseconds after) const {
  set_timer(alarm_, after, std::chrono::nanoseconds{});
}

core::Result<void> EventLoop::run(const Handlers& handlers) const {
  for (;;) {
    std::array<epoll_event, 5> events{};
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) {
      return core::Error::from_errno("wait for events", errno);
    }
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      std::uint64_t passed = 0;
      if (fd == signals_) {
        for (signalfd_siginfo info{}; take(signals_, info);) {
          if (info.ssi_signo != SIGHUP) {
            return {};
          }
          handlers.reload();
        }
      } else if (take(fd, passed)) {
        (fd == tick_ ? handlers.tick : fd == alarm_ ? handlers.alarm : handlers.watchdog)();
      }
    }
  }
}

}  // namespace tcpperf::app

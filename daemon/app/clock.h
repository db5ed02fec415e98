// The one place that reads clocks. Everything else takes time as an argument.
#pragma once

#include <chrono>
#include <ctime>

namespace tcpperf::app {

// CLOCK_MONOTONIC, as the BPF programs use it.
inline std::chrono::nanoseconds monotonic_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// CPU time of the calling thread: what work costs, however busy the machine is with others.
inline std::chrono::nanoseconds thread_cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// CPU time of the daemon, user and system.
inline std::chrono::nanoseconds process_cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

inline std::chrono::system_clock::time_point wall_now() {
  return std::chrono::system_clock::now();
}

}  // namespace tcpperf::app

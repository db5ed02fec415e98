// Having the kernel time its BPF programs, for a while.
#pragma once

#include "core/base/result.h"

namespace tcpperf::adapters::bpf {

// The kernel times all programs of the machine while one of these exists. Move-only; one thread.
class RunTiming {
 public:
  // Nothing is switched on when kernel.bpf_stats_enabled is 1. Otherwise that takes CAP_SYS_ADMIN; the error says what
  // to do without.
  static core::Result<RunTiming> start();

  RunTiming(RunTiming&& other) noexcept;
  RunTiming& operator=(RunTiming&& other) noexcept;
  RunTiming(const RunTiming&) = delete;
  RunTiming& operator=(const RunTiming&) = delete;
  ~RunTiming();

  // Whether it is on without us, and still was when this was asked.
  [[nodiscard]] bool is_always_on() const;
  // Whether the kernel has timed since start().
  [[nodiscard]] bool holds() const;

 private:
  explicit RunTiming(int fd) : fd_(fd) {}

  int fd_;  // -1: kernel.bpf_stats_enabled
};

// What the kernel's timing takes of the time that it shows: that of a program that does nothing. Loaded once, because a
// host may log each loading. Move-only; one thread.
class TimingCost {
 public:
  static core::Result<TimingCost> load();

  TimingCost(TimingCost&& other) noexcept;
  TimingCost& operator=(TimingCost&& other) noexcept;
  TimingCost(const TimingCost&) = delete;
  TimingCost& operator=(const TimingCost&) = delete;
  ~TimingCost();

  // Nanoseconds. On this CPU, in a row, so rather less than among other work. Only while the kernel times.
  [[nodiscard]] core::Result<double> per_run() const;

 private:
  explicit TimingCost(int program) : program_(program) {}

  int program_;
};

// kernel.bpf_stats_enabled; false when it cannot be read.
bool kernel_times_all_programs();

}  // namespace tcpperf::adapters::bpf

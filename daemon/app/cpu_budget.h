// Holds the BPF programs to `cpu_budget`: measures now and then what they take, in short windows, because timing costs
// as much as they do, and tells them which connections to look at.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "adapters/bpf/run_timing.h"
#include "adapters/bpf/session.h"
#include "core/base/result.h"
#include "core/budget/ladder.h"
#include "core/self/self_metrics.h"

namespace tcpperf::app {

// For the main thread, but for add_to_report(), which any thread may call.
class CpuBudget {
 public:
  // Millionths of one CPU; nullopt: no budget, and everything is looked at from now on. One measurement is made per
  // tick, or more often where ticks are rare.
  void set(std::optional<std::uint32_t> budget_ppm, std::chrono::nanoseconds tick, adapters::bpf::Session& session);
  // Other programs are about to run: what is being measured is nothing.
  void abandon() { window_.reset(); }

  // Begins or ends a window. To be called next after next_wake(); zero: not at all.
  void wake(adapters::bpf::Session& session);
  [[nodiscard]] std::chrono::nanoseconds next_wake() const { return next_wake_; }

  void add_to_report(core::SelfReport& report) const;

 private:
  struct Window {
    adapters::bpf::RunTiming timing;
    adapters::bpf::RunTotals at_start;
    std::chrono::nanoseconds start;
  };
  [[nodiscard]] std::chrono::nanoseconds window_length() const;
  core::Result<void> begin(const adapters::bpf::Session& session);
  core::Result<core::Cost> end(const adapters::bpf::Session& session);
  void take(const core::Result<core::Cost>& cost, adapters::bpf::Session& session);
  void publish(const core::Result<core::Cost>& cost);
  void publish_level();
  void log_knowledge(const core::Result<core::Cost>& cost);
  void log_move(core::SamplingLadder::Move move, double cpus);

  std::optional<std::uint32_t> budget_ppm_;
  std::chrono::nanoseconds period_{};
  std::chrono::nanoseconds next_wake_{};
  std::optional<adapters::bpf::TimingCost> timing_cost_;
  std::optional<Window> window_;
  std::chrono::nanoseconds last_end_{};       // of a measurement; zero: there is none to go on from
  std::chrono::nanoseconds last_cpu_time_{};  // of the daemon, then
  std::optional<bool> known_;                 // whether the cost was, as it was logged last
  std::chrono::nanoseconds next_log_{};       // of a move
  std::uint64_t unlogged_ = 0;                // moves
  core::SamplingLadder ladder_;

  mutable std::mutex mutex_;  // guards what follows
  core::BudgetReport report_;
  bool timed_by_us_ = false;  // since the start, so the kernel's own sums are of windows alone
};

}  // namespace tcpperf::app

#include "app/cpu_budget.h"

#include <algorithm>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>

#include "app/clock.h"

namespace tcpperf::app {
namespace {

using namespace std::chrono_literals;
using Move = core::SamplingLadder::Move;

constexpr std::chrono::nanoseconds kLongestPeriod = 10s;
// Of a period, 1/n, from a second on: at 80 ns a run that is less than 2 ns a run.
constexpr int kWindowShare = 50;
constexpr std::chrono::nanoseconds kShortestWindow = 20ms;
constexpr std::chrono::nanoseconds kLongestWindow = 100ms;
constexpr std::chrono::nanoseconds kLogPeriod = 1min;
constexpr double kMillion = 1e6;
constexpr double kBillion = 1e9;

std::string per_cent(double cpus) {
  return fmt::format("{:.3g} %", 100 * cpus);
}

std::string what_is_looked_at(std::uint32_t level) {
  if (level == 0) {
    return "every connection is looked at again";
  }
  if (core::sampling_ratio(level) > 0) {
    return fmt::format(
        "per segment and per call one connection of {} is looked at now, and what these tell is scaled up",
        1U << level);
  }
  return "no connection is looked at per segment or per call any more, and what only that tells is not counted";
}

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void CpuBudget::set(std::optional<std::uint32_t> budget_ppm, std::chrono::nanoseconds tick,
                    adapters::bpf::Session& session) {
  std::optional<double> cpus;
  if (budget_ppm) {
    cpus = static_cast<double>(*budget_ppm) / kMillion;
  }
  const std::chrono::nanoseconds period = std::min(tick, kLongestPeriod);
  ladder_.forget_costs();  // those of another set of programs
  if (budget_ppm == budget_ppm_ && period == period_) {
    return;
  }
  budget_ppm_ = budget_ppm;
  period_ = period;
  next_wake_ = cpus ? period : std::chrono::nanoseconds{};
  window_.reset();
  last_end_ = {};
  last_cpu_time_ = {};
  known_.reset();
  ladder_.set_budget(cpus);
  session.set_sampling(ladder_.level());
  const std::lock_guard lock(mutex_);
  report_.budget_cpus = cpus;
  report_.programs_cpus.reset();
  report_.daemon_cpus.reset();
  publish_level();
}

void CpuBudget::wake(adapters::bpf::Session& session) {
  next_wake_ = period_;
  if (window_) {
    const bool always_on = window_->timing.is_always_on();
    take(end(session), session);
    if (!always_on) {
      next_wake_ = period_ - window_length();
      return;
    }
  }
  if (core::Result<void> begun = begin(session); !begun) {
    take(begun.error(), session);
  }
}

std::chrono::nanoseconds CpuBudget::window_length() const {
  return std::clamp<std::chrono::nanoseconds>(period_ / kWindowShare, kShortestWindow, kLongestWindow);
}

// A kernel that times always is asked for the whole period.
core::Result<void> CpuBudget::begin(const adapters::bpf::Session& session) {
  if (!timing_cost_) {
    core::Result<adapters::bpf::TimingCost> timing_cost = adapters::bpf::TimingCost::load();
    if (!timing_cost) {
      return timing_cost.error();
    }
    timing_cost_.emplace(std::move(*timing_cost));
  }
  core::Result<adapters::bpf::RunTiming> timing = adapters::bpf::RunTiming::start();
  if (!timing) {
    return timing.error();
  }
  if (!timing->is_always_on()) {
    next_wake_ = window_length();
    const std::lock_guard lock(mutex_);
    timed_by_us_ = true;
  }
  window_.emplace(Window{std::move(*timing), session.event_runs(), monotonic_now()});
  return {};
}

core::Result<core::Cost> CpuBudget::end(const adapters::bpf::Session& session) {
  const Window window = std::move(*window_);
  window_.reset();
  const adapters::bpf::RunTotals now = session.event_runs();
  const double elapsed_s = seconds(monotonic_now() - window.start);
  const core::Result<double> timing_ns = timing_cost_->per_run();
  if (!timing_ns) {
    return timing_ns.error();
  }
  if (!window.timing.holds()) {
    return core::Error{"kernel.bpf_stats_enabled was switched off meanwhile"};
  }
  const auto runs = static_cast<double>(now.runs - window.at_start.runs);
  const auto run_ns = static_cast<double>(now.run_time_ns - window.at_start.run_time_ns);
  return core::Cost{std::max(0.0, run_ns - runs * *timing_ns) / kBillion / elapsed_s, runs / elapsed_s};
}

void CpuBudget::take(const core::Result<core::Cost>& cost, adapters::bpf::Session& session) {
  const Move move = ladder_.take(cost ? std::optional(*cost) : std::nullopt);
  if (move != Move::kNone) {
    session.set_sampling(ladder_.level());
  }
  publish(cost);
  log_knowledge(cost);
  if (move != Move::kNone && cost) {
    log_move(move, cost->cpus);
  } else if (move != Move::kNone) {
    spdlog::info("{}, as it is not known what the BPF programs cost", what_is_looked_at(ladder_.level()));
  }
}

void CpuBudget::publish_level() {
  report_.level = ladder_.level();
  report_.moves_down = ladder_.moves_down();
  report_.moves_up = ladder_.moves_up();
}

void CpuBudget::publish(const core::Result<core::Cost>& cost) {
  const std::chrono::nanoseconds now = monotonic_now();
  const std::chrono::nanoseconds cpu_time = process_cpu_now();
  const std::chrono::nanoseconds since = last_end_ == std::chrono::nanoseconds{} ? period_ : now - last_end_;
  const std::lock_guard lock(mutex_);
  if (last_end_ != std::chrono::nanoseconds{}) {
    report_.daemon_cpus = seconds(cpu_time - last_cpu_time_) / seconds(since);
  }
  last_end_ = now;
  last_cpu_time_ = cpu_time;
  report_.programs_cpus.reset();
  if (cost) {
    report_.programs_cpus = cost->cpus;
    report_.programs_seconds = report_.programs_seconds.value_or(0) + cost->cpus * seconds(since);
  }
  publish_level();
}

void CpuBudget::log_knowledge(const core::Result<core::Cost>& cost) {
  const bool known = cost.has_value();
  if (known_ == known) {
    return;
  }
  if (!known) {
    spdlog::warn("cpu_budget has no effect, because what the BPF programs cost is not known: {}", cost.error().message);
  } else if (known_) {
    spdlog::info("cpu_budget is held again: what the BPF programs cost is known");
  }
  known_ = known;
}

void CpuBudget::log_move(Move move, double cpus) {
  const std::chrono::nanoseconds now = monotonic_now();
  if (now < next_log_) {
    ++unlogged_;
    return;
  }
  const std::string others =
      unlogged_ == 0 ? "" : fmt::format(" ({} changes before this one were not logged)", unlogged_);
  const std::string budget = per_cent(*ladder_.budget());
  const std::string effect = what_is_looked_at(ladder_.level());
  if (move == Move::kDown) {
    spdlog::warn("the BPF programs take {} of a CPU, more than cpu_budget, {}: {}{}", per_cent(cpus), budget, effect,
                 others);
  } else {
    spdlog::info("the BPF programs take {} of a CPU, which leaves room in cpu_budget, {}: {}{}", per_cent(cpus), budget,
                 effect, others);
  }
  next_log_ = now + kLogPeriod;
  unlogged_ = 0;
}

void CpuBudget::add_to_report(core::SelfReport& report) const {
  const std::lock_guard lock(mutex_);
  report.budget = report_;
  // The kernel's sums are of our windows alone.
  if (timed_by_us_ && !adapters::bpf::kernel_times_all_programs()) {
    report.program_runs.clear();
  }
}

}  // namespace tcpperf::app

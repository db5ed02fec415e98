#include "core/budget/ladder.h"

#include <algorithm>

#include "abi/sampling.h"

namespace tcpperf::core {
namespace {

constexpr std::uint32_t kLastLevel = TCPPERF_SAMPLING_NONE;
constexpr std::uint32_t kLeastSampled = TCPPERF_SAMPLING_LEAST;
static_assert(kLastLevel == kLeastSampled + 1);

constexpr unsigned kOverTimes = 2;
constexpr unsigned kCalmTimes = 6;
constexpr unsigned kMostPatience = 96;
constexpr double kRoom = 0.8;

}  // namespace

double sampling_ratio(std::uint32_t level) {
  return level >= kLastLevel ? 0 : 1.0 / static_cast<double>(1U << level);
}

// Both sides of a move: what is looked at has changed, and nothing else of what a run costs.
void SamplingLadder::learn(const Cost& cost) {
  if (!moved_from_ || cost.runs_per_second <= 0) {
    return;
  }
  const double ratio = moved_from_->ratio - sampling_ratio(level_);
  const double per_run = moved_from_->cpu_per_run - cost.cpus / cost.runs_per_second;
  sampled_per_run_ = std::max(0.0, per_run / ratio);
  moved_from_.reset();
}

void SamplingLadder::forget_costs() {
  moved_from_.reset();
  sampled_per_run_.reset();
}

SamplingLadder::Move SamplingLadder::go_to(std::uint32_t level, const Cost& cost) {
  over_ = 0;
  calm_ = 0;
  goal_ = 0;
  if (level == level_) {
    return Move::kNone;
  }
  const bool down = level > level_;
  moved_from_.reset();
  if (cost.runs_per_second > 0) {
    moved_from_ = Seen{sampling_ratio(level_), cost.cpus / cost.runs_per_second};
  }
  level_ = level;
  ++(down ? moves_down_ : moves_up_);
  return down ? Move::kDown : Move::kUp;
}

SamplingLadder::Move SamplingLadder::set_budget(std::optional<double> cpus) {
  budget_ = cpus;
  patience_ = kCalmTimes;
  since_up_ = 0;
  return go_to(cpus ? level_ : 0, {});
}

SamplingLadder::Move SamplingLadder::take(std::optional<Cost> cost) {
  if (!budget_ || !cost) {
    over_ = 0;
    calm_ = 0;
    goal_ = 0;
    return ++unknown_ < kCalmTimes ? Move::kNone : go_to(0, {});
  }
  unknown_ = 0;
  ++since_up_;
  learn(*cost);
  return cost->cpus > *budget_ ? take_over_budget(*cost) : take_within_budget(*cost);
}

SamplingLadder::Move SamplingLadder::take_over_budget(const Cost& cost) {
  calm_ = 0;
  goal_ = 0;
  least_over_ = over_ == 0 ? cost.cpus : std::min(least_over_, cost.cpus);
  if (++over_ < kOverTimes || level_ == kLastLevel) {
    return Move::kNone;
  }
  const bool climb_did_not_last = moves_up_ != 0 && since_up_ <= patience_;
  patience_ = climb_did_not_last ? std::min(2 * patience_, kMostPatience) : kCalmTimes;
  if (level_ == kLeastSampled) {
    return go_to(kLastLevel, cost);
  }
  std::uint32_t level = level_ + 1;
  for (double expected = least_over_ / 2; expected > *budget_ && level < kLeastSampled; expected /= 2) {
    ++level;
  }
  return go_to(level, cost);
}

// What the level above `level` would cost, where that costs `cpus`. The last one does not bound it.
double SamplingLadder::expected_one_up(std::uint32_t level, double cpus, double runs_per_second) const {
  const bool is_last = level == kLastLevel;
  if (!sampled_per_run_) {
    return is_last ? cpus : 2 * cpus;
  }
  const double more = sampling_ratio(level - 1) - sampling_ratio(level);
  const double expected = cpus + *sampled_per_run_ * more * runs_per_second;
  return is_last ? expected : std::min(expected, 2 * cpus);
}

std::uint32_t SamplingLadder::level_with_room(const Cost& cost) const {
  const double most = kRoom * *budget_;
  std::uint32_t level = level_;
  double expected = cost.cpus;
  while (level > 0) {
    expected = expected_one_up(level, expected, cost.runs_per_second);
    if (expected > most) {
      return level;
    }
    --level;
  }
  return level;
}

SamplingLadder::Move SamplingLadder::take_within_budget(const Cost& cost) {
  over_ = 0;
  const std::uint32_t level = level_with_room(cost);
  if (level == level_) {
    calm_ = 0;
    goal_ = 0;
    return Move::kNone;
  }
  goal_ = std::max(goal_, level);
  if (++calm_ < patience_) {
    return Move::kNone;
  }
  since_up_ = 0;
  return go_to(goal_, cost);
}

}  // namespace tcpperf::core

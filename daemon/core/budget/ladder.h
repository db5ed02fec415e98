// How many connections are looked at, so that looking stays within a CPU budget: a ladder of levels, climbed down when
// the cost is above the budget and up again when there is room. Pure: measurements in, a level out.
#pragma once

#include <cstdint>
#include <optional>

namespace tcpperf::core {

// What one measurement found.
struct Cost {
  double cpus = 0;             // CPU time per time: 0.01 is 1 % of one CPU
  double runs_per_second = 0;  // of the programs
};

// The part of the connections that is looked at at a level (bpf/abi/sampling.h): 1 at level 0, 1/2^n at level n, 0 at
// the last one. Something that costs more than level 0 would stand above it.
double sampling_ratio(std::uint32_t level);

// One thread.
//
// Down after two measurements in a row above the budget: by one level, or by more when halving the cost once would not
// do; so at most two measurements per level pass until the budget holds or the last level is reached. Up after six in
// a row that leave room: as far as the cost would stay below four fifths of the budget. What a level costs more is what
// the last move has shown, for each run and each part of the connections; before any, and at most, twice as much, which
// is the most that a level can add. So steady traffic is not sent up and down. A climb that did not last makes the next
// one wait twice as long.
class SamplingLadder {
 public:
  enum class Move { kNone, kDown, kUp };

  // nullopt: no budget, and level 0. Otherwise goes on from the level that there is.
  Move set_budget(std::optional<double> cpus);
  [[nodiscard]] std::optional<double> budget() const { return budget_; }

  // Other programs run: what a run costs is not known any more.
  void forget_costs();

  // nullopt: the cost is not known. What was in a row is not any more; six of these in a row lead back to level 0, as
  // an estimate has no reason any more.
  Move take(std::optional<Cost> cost);

  [[nodiscard]] std::uint32_t level() const { return level_; }
  [[nodiscard]] std::uint64_t moves_down() const { return moves_down_; }
  [[nodiscard]] std::uint64_t moves_up() const { return moves_up_; }

 private:
  Move take_over_budget(const Cost& cost);
  Move take_within_budget(const Cost& cost);
  Move go_to(std::uint32_t level, const Cost& cost);
  void learn(const Cost& cost);
  [[nodiscard]] double expected_one_up(std::uint32_t level, double cpus, double runs_per_second) const;
  [[nodiscard]] std::uint32_t level_with_room(const Cost& cost) const;

  std::optional<double> budget_;
  std::uint32_t level_ = 0;
  std::uint64_t moves_down_ = 0;
  std::uint64_t moves_up_ = 0;

  unsigned over_ = 0;       // measurements in a row above the budget
  double least_over_ = 0;   // of these, the lowest
  unsigned calm_ = 0;       // measurements in a row that leave room for a level more
  std::uint32_t goal_ = 0;  // the level that each of these leaves room for
  unsigned patience_ = 6;   // how many of these it takes
  unsigned since_up_ = 0;   // measurements since the last climb
  unsigned unknown_ = 0;    // in a row

  struct Seen {
    double ratio = 0;        // sampling_ratio()
    double cpu_per_run = 0;  // seconds
  };
  std::optional<Seen> moved_from_;         // before the last move, until the first measurement after it
  std::optional<double> sampled_per_run_;  // seconds of a run that are for looking, if all were looked at
};

}  // namespace tcpperf::core

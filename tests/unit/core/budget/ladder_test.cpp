// The ladder on traffic of known cost: below the budget in bounded time, back in bounded time, and never to and fro.
#include "core/budget/ladder.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "abi/sampling.h"
#include "catch.h"

namespace {

using namespace tcpperf::core;
using Move = SamplingLadder::Move;

constexpr double kBudget = 0.005;
constexpr std::uint32_t kLastLevel = TCPPERF_SAMPLING_NONE;

// What is looked at costs `scaled`, the rest `fixed`.
struct Traffic {
  double fixed = 0;
  double scaled = 0;
  double runs_per_second = 100'000;

  [[nodiscard]] Cost at(std::uint32_t level) const { return {fixed + scaled * sampling_ratio(level), runs_per_second}; }
};

// The moves of so many measurements.
std::vector<Move> run(SamplingLadder& ladder, const Traffic& traffic, int measurements) {
  std::vector<Move> moves;
  moves.reserve(static_cast<std::size_t>(measurements));
  for (int i = 0; i < measurements; ++i) {
    moves.push_back(ladder.take(traffic.at(ladder.level())));
  }
  return moves;
}

std::ptrdiff_t count(const std::vector<Move>& moves, Move move) {
  return std::count(moves.begin(), moves.end(), move);
}

SamplingLadder with_budget(double cpus = kBudget) {
  SamplingLadder ladder;
  ladder.set_budget(cpus);
  return ladder;
}

}  // namespace

TEST_CASE("each level looks at half of the connections of the one above it, and the last at none", "[budget]") {
  CHECK(sampling_ratio(0) == 1);
  CHECK(sampling_ratio(1) == 0.5);
  CHECK(sampling_ratio(TCPPERF_SAMPLING_LEAST) == 0.015625);
  CHECK(sampling_ratio(TCPPERF_SAMPLING_NONE) == 0);
}

TEST_CASE("without a budget nothing moves, whatever it costs", "[budget]") {
  SamplingLadder ladder;
  CHECK_FALSE(ladder.budget());
  CHECK(count(run(ladder, {1, 1}, 97), Move::kNone) == 97);
  CHECK(ladder.level() == 0);
}

TEST_CASE("a cost within the budget moves nothing, nor does a single one above it", "[budget]") {
  SamplingLadder ladder = with_budget();
  CHECK(count(run(ladder, {0, kBudget}, 97), Move::kNone) == 97);
  for (int i = 0; i < 97; ++i) {
    CHECK(ladder.take(Cost{1, 1e5}) == Move::kNone);
    CHECK(ladder.take(Cost{kBudget, 1e5}) == Move::kNone);
  }
  CHECK(ladder.level() == 0);
}

TEST_CASE("two measurements above the budget lead down as far as halving them takes", "[budget]") {
  SamplingLadder ladder = with_budget();
  CHECK(ladder.take(Cost{kBudget * 1.01, 1e5}) == Move::kNone);
  CHECK(ladder.take(Cost{kBudget * 1.01, 1e5}) == Move::kDown);
  CHECK(ladder.level() == 1);
  // The lower of the two counts: 7 times the budget is 3 levels, 70 times would be the last but one.
  CHECK(ladder.take(Cost{kBudget * 70, 1e5}) == Move::kNone);
  CHECK(ladder.take(Cost{kBudget * 7, 1e5}) == Move::kDown);
  CHECK(ladder.level() == 4);
  CHECK(ladder.moves_down() == 2);
}

TEST_CASE("steady traffic is below the budget after two measurements per level at most, and then nothing moves",
          "[budget]") {
  for (const double fixed : {0.0, 0.1, 0.45, 0.79, 0.99}) {
    for (const double scaled : {0.02, 0.3, 0.9, 1.1, 2.0, 3.7, 11.0, 64.0, 65.0, 1000.0, 1e6}) {
      INFO(fixed << " and " << scaled << " of the budget");
      const Traffic traffic{fixed * kBudget, scaled * kBudget};
      SamplingLadder ladder = with_budget();
      CHECK(count(run(ladder, traffic, 2 * static_cast<int>(kLastLevel)), Move::kUp) == 0);
      CHECK(traffic.at(ladder.level()).cpus <= kBudget);
      CHECK(count(run(ladder, traffic, 10'007), Move::kNone) == 10'007);
    }
  }
}

TEST_CASE("what cannot be held ends at the last level and stays there", "[budget]") {
  SamplingLadder ladder = with_budget();
  run(ladder, {2 * kBudget, kBudget}, 14);
  CHECK(ladder.level() == kLastLevel);
  CHECK(count(run(ladder, {2 * kBudget, kBudget}, 997), Move::kNone) == 997);
}

TEST_CASE("when the traffic ends, every level is left at once after six measurements with room", "[budget]") {
  for (const double scaled : {1.1, 3.7, 11.0, 63.0, 1000.0}) {
    INFO(scaled);
    SamplingLadder ladder = with_budget();
    run(ladder, {0.1 * kBudget, scaled * kBudget}, 14);
    REQUIRE(ladder.level() > 0);
    const std::vector<Move> moves = run(ladder, {0, 0, 0}, 6);
    CHECK(count(moves, Move::kUp) == 1);
    CHECK(moves.back() == Move::kUp);
    CHECK(ladder.level() == 0);
  }
}

TEST_CASE("when the traffic halves, the ladder goes up as far as there is room for twice the cost", "[budget]") {
  SamplingLadder ladder = with_budget();
  run(ladder, {0, 11 * kBudget}, 14);
  CHECK(ladder.level() == 4);
  run(ladder, {0, 3.1 * kBudget}, 97);
  CHECK(ladder.level() == 2);  // 0.775; one level more would be 1.55
  CHECK(ladder.moves_up() == 1);
}

TEST_CASE("a single measurement without room begins the six anew", "[budget]") {
  SamplingLadder ladder = with_budget();
  run(ladder, {0, 1.5 * kBudget}, 2);
  REQUIRE(ladder.level() == 1);
  for (int i = 0; i < 97; ++i) {
    CHECK(count(run(ladder, {0, 0}, 5), Move::kNone) == 5);
    CHECK(ladder.take(Cost{0.41 * kBudget, 1e5}) == Move::kNone);
  }
  run(ladder, {0, 0}, 6);
  CHECK(ladder.level() == 0);
}

TEST_CASE("from the last level it goes up when the traffic is less than what led there", "[budget]") {
  SamplingLadder ladder = with_budget();
  run(ladder, {0, 100 * kBudget, 100'000}, 14);
  REQUIRE(ladder.level() == kLastLevel);
  // Level 6 would cost 1.5625 of the budget still, then 0.78.
  CHECK(count(run(ladder, {0, 100 * kBudget, 100'000}, 997), Move::kUp) == 0);
  CHECK(count(run(ladder, {0, 50 * kBudget, 50'000}, 6), Move::kUp) == 1);
  CHECK(ladder.level() == TCPPERF_SAMPLING_LEAST);
}

TEST_CASE("what costs the same at every level does not keep it down", "[budget]") {
  SamplingLadder ladder = with_budget();
  run(ladder, {0.45 * kBudget, 3 * kBudget, 1'500'000}, 17);
  REQUIRE(ladder.level() == 3);
  // Twice the cost of level 3 is 0.95 of the budget, but level 0 costs 0.65.
  run(ladder, {0.45 * kBudget, 0.2 * kBudget, 100'000}, 6);
  CHECK(ladder.level() == 0);
}

TEST_CASE("what other programs cost is found out by trying", "[budget]") {
  SamplingLadder ladder = with_budget();
  run(ladder, {0, 100 * kBudget}, 17);
  REQUIRE(ladder.level() == kLastLevel);
  const Traffic cheaper{0, 0.1 * kBudget};
  CHECK(count(run(ladder, cheaper, 97), Move::kUp) == 0);
  ladder.forget_costs();
  CHECK(count(run(ladder, cheaper, 7), Move::kUp) == 1);
  CHECK(ladder.level() == 0);
}

TEST_CASE("traffic that comes back after each climb makes the next climb wait twice as long, to a limit", "[budget]") {
  SamplingLadder ladder = with_budget();
  const Traffic busy{0, 1.5 * kBudget};
  run(ladder, busy, 2);
  std::vector<int> waits;
  for (int i = 0; i < 7; ++i) {
    int wait = 1;
    while (ladder.take(Cost{0, 0}) != Move::kUp) {
      ++wait;
      REQUIRE(wait < 1000);
    }
    waits.push_back(wait);
    run(ladder, busy, 2);
    REQUIRE(ladder.level() == 1);
  }
  CHECK(waits == std::vector{6, 12, 24, 48, 96, 96, 96});
  // A climb that lasts ends that.
  run(ladder, {0, 0}, 96);
  REQUIRE(ladder.level() == 0);
  run(ladder, {0, 0}, 97);
  run(ladder, busy, 2);
  REQUIRE(ladder.level() == 1);
  run(ladder, {0, 0}, 6);
  CHECK(ladder.level() == 0);
}

TEST_CASE("an unknown cost moves nothing and begins what was in a row anew", "[budget]") {
  SamplingLadder ladder = with_budget();
  for (int i = 0; i < 97; ++i) {
    CHECK(ladder.take(Cost{1, 1e5}) == Move::kNone);
    CHECK(ladder.take(std::nullopt) == Move::kNone);
  }
  run(ladder, {0, 1.5 * kBudget}, 2);
  REQUIRE(ladder.level() == 1);
  for (int i = 0; i < 97; ++i) {
    run(ladder, {0, 0}, 5);
    CHECK(ladder.take(std::nullopt) == Move::kNone);
  }
  CHECK(ladder.level() == 1);
}

TEST_CASE("who does not know the cost for long looks at everything again", "[budget]") {
  SamplingLadder ladder = with_budget();
  run(ladder, {0, 100 * kBudget}, 17);
  REQUIRE(ladder.level() == kLastLevel);
  for (int i = 0; i < 5; ++i) {
    CHECK(ladder.take(std::nullopt) == Move::kNone);
  }
  CHECK(ladder.take(std::nullopt) == Move::kUp);
  CHECK(ladder.level() == 0);
  CHECK(ladder.take(std::nullopt) == Move::kNone);
  // Known again, it is held again.
  run(ladder, {0, 1.5 * kBudget}, 2);
  CHECK(ladder.level() == 1);
}

TEST_CASE("switching the budget off looks at everything at once, and another one goes on from where it stands",
          "[budget]") {
  SamplingLadder ladder = with_budget();
  run(ladder, {0, 3 * kBudget}, 2);
  REQUIRE(ladder.level() == 2);
  CHECK(ladder.set_budget(kBudget / 4) == Move::kNone);
  CHECK(ladder.level() == 2);
  run(ladder, {0, 3 * kBudget}, 2);
  CHECK(ladder.level() == 4);
  CHECK(ladder.set_budget(std::nullopt) == Move::kUp);
  CHECK(ladder.level() == 0);
  CHECK(ladder.moves_up() == 1);
  CHECK(ladder.moves_down() == 2);
}

// Which slots are given back, and when.
#include "core/groups/recycler.h"

#include <chrono>
#include <vector>

#include "catch.h"

using namespace std::chrono_literals;
using tcpperf::core::Recycler;
using tcpperf::core::RecycleSteps;
using tcpperf::core::SlotState;

namespace {

using Slots = std::vector<std::uint32_t>;

constexpr SlotState kFree{0, 0};

bool nothing(const RecycleSteps& steps) {
  return steps.withdraw.empty() && steps.publish.empty() && steps.retire.empty();
}

// A recycler with idle_after 10 s whose slot 1 was resolved 5 times, is idle since 0 s and was withdrawn at 10 s.
Recycler withdrawn_at_10s() {
  Recycler recycler(10s);
  const std::vector<SlotState> slots{kFree, {5, 0}};
  CHECK(nothing(recycler.step(0s, slots)));
  CHECK(recycler.step(10s, slots).withdraw == Slots{1});
  return recycler;
}

}  // namespace

TEST_CASE("an idle group is withdrawn, and retired a second later", "[groups]") {
  Recycler recycler(10s);
  const std::vector<SlotState> slots{kFree, {5, 0}};
  CHECK(nothing(recycler.step(100s, slots)));
  CHECK(nothing(recycler.step(110s - 1ns, slots)));
  const RecycleSteps first = recycler.step(110s, slots);
  CHECK(first.withdraw == Slots{1});
  CHECK(first.publish.empty());
  CHECK(first.retire.empty());
  CHECK(nothing(recycler.step(111s - 1ns, slots)));
  const RecycleSteps second = recycler.step(111s, slots);
  CHECK(second.withdraw.empty());
  CHECK(second.publish.empty());
  CHECK(second.retire == Slots{1});
}

TEST_CASE("other is left alone", "[groups]") {
  Recycler recycler(10s);
  const std::vector<SlotState> slots{{5, 0}};
  for (const auto now : {0s, 10s, 20s, 30s}) {
    CHECK(nothing(recycler.step(now, slots)));
  }
  CHECK(nothing(recycler.step(40s, {})));
}

TEST_CASE("a group with sockets is never idle", "[groups]") {
  Recycler recycler(10s);
  const std::vector<SlotState> slots{kFree, {5, 1}};
  CHECK(nothing(recycler.step(0s, slots)));
  CHECK(nothing(recycler.step(1000s, slots)));
  const std::vector<SlotState> closed{kFree, {5, 0}};
  CHECK(nothing(recycler.step(1001s, closed)));
  CHECK(nothing(recycler.step(1009s, closed)));
  CHECK(recycler.step(1010s, closed).withdraw == Slots{1});
}

TEST_CASE("a short connection between two samplings keeps its group", "[groups]") {
  Recycler recycler(10s);
  CHECK(nothing(recycler.step(0s, std::vector<SlotState>{kFree, {5, 0}})));
  CHECK(nothing(recycler.step(10s, std::vector<SlotState>{kFree, {6, 0}})));
  CHECK(nothing(recycler.step(19s, std::vector<SlotState>{kFree, {6, 0}})));
  CHECK(recycler.step(20s, std::vector<SlotState>{kFree, {6, 0}}).withdraw == Slots{1});
}

TEST_CASE("a withdrawn group that a socket refers to is published again", "[groups]") {
  Recycler recycler = withdrawn_at_10s();
  const RecycleSteps steps = recycler.step(11s, std::vector<SlotState>{kFree, {5, 1}});
  CHECK(steps.publish == Slots{1});
  CHECK(steps.retire.empty());
  CHECK(nothing(recycler.step(20s, std::vector<SlotState>{kFree, {5, 0}})));
  CHECK(recycler.step(21s, std::vector<SlotState>{kFree, {5, 0}}).withdraw == Slots{1});
}

TEST_CASE("a withdrawn group that was resolved meanwhile is published again, though the socket is gone", "[groups]") {
  Recycler recycler = withdrawn_at_10s();
  CHECK(nothing(recycler.step(10500ms, std::vector<SlotState>{kFree, {6, 0}})));
  CHECK(recycler.step(12s, std::vector<SlotState>{kFree, {6, 0}}).publish == Slots{1});
}

TEST_CASE("a slot that is used again begins anew", "[groups]") {
  Recycler recycler = withdrawn_at_10s();
  CHECK(recycler.step(11s, std::vector<SlotState>{kFree, {5, 0}}).retire == Slots{1});
  // The next group is resolved exactly as often as the last one was.
  CHECK(nothing(recycler.step(12s, std::vector<SlotState>{kFree, {5, 0}})));
  CHECK(nothing(recycler.step(21s, std::vector<SlotState>{kFree, {5, 0}})));
  CHECK(recycler.step(22s, std::vector<SlotState>{kFree, {5, 0}}).withdraw == Slots{1});
}

TEST_CASE("a free slot is nobody's, and forgets who was in it", "[groups]") {
  Recycler recycler = withdrawn_at_10s();
  CHECK(nothing(recycler.step(11s, std::vector<SlotState>{kFree, kFree})));
  CHECK(nothing(recycler.step(100s, std::vector<SlotState>{kFree, {5, 0}})));
  CHECK(nothing(recycler.step(109s, std::vector<SlotState>{kFree, {5, 0}})));
}

TEST_CASE("slots are judged each for itself", "[groups]") {
  Recycler recycler(10s);
  CHECK(nothing(recycler.step(0s, std::vector<SlotState>{kFree, {1, 0}, kFree, {1, 0}})));
  CHECK(nothing(recycler.step(5s, std::vector<SlotState>{kFree, {1, 0}, {1, 0}, {1, 0}})));
  CHECK(recycler.step(10s, std::vector<SlotState>{kFree, {1, 0}, {1, 0}, {1, 0}}).withdraw == Slots{1, 3});
  const RecycleSteps steps = recycler.step(15s, std::vector<SlotState>{kFree, {1, 0}, {1, 0}, {2, 0}});
  CHECK(steps.retire == Slots{1});
  CHECK(steps.publish == Slots{3});
  CHECK(steps.withdraw == Slots{2});
}

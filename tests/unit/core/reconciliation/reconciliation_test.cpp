// Two counts of the same events: what both gain while both count, and nothing of what only one could see.
#include "core/reconciliation/reconciliation.h"

#include "catch.h"

using namespace tcpperf::core;

namespace {

using Totals = std::vector<std::optional<Compared>>;

}  // namespace

TEST_CASE("only what is gained from the beginning on counts, on both sides", "[reconciliation]") {
  Reconciliation counts(2);
  CHECK(counts.totals(std::vector<CountPair>{{5, 7}, {0, 0}}) == Totals{std::nullopt, std::nullopt});
  CHECK(counts.past() == Totals{std::nullopt, std::nullopt});
  counts.begin(std::vector<CountPair>{{5, 100}, {0, 0}});
  CHECK(counts.totals(std::vector<CountPair>{{8, 103}, {0, 0}}) == Totals{Compared{3, 3}, Compared{0, 0}});
  CHECK(counts.totals(std::vector<CountPair>{{8, 104}, {1, 0}}) == Totals{Compared{3, 4}, Compared{1, 0}});
}

TEST_CASE("what happens during a pause counts on neither side", "[reconciliation]") {
  Reconciliation counts(1);
  counts.begin(std::vector<CountPair>{{0, 0}});
  counts.pause(std::vector<CountPair>{{3, 4}});
  CHECK(counts.totals(std::vector<CountPair>{{9, 9}}) == Totals{std::nullopt});
  CHECK(counts.past() == Totals{Compared{3, 4}});
  counts.begin(std::vector<CountPair>{{10, 20}});
  CHECK(counts.past() == Totals{Compared{3, 4}});
  CHECK(counts.totals(std::vector<CountPair>{{11, 21}}) == Totals{Compared{4, 5}});
}

TEST_CASE("a counter that cannot be told at both ends has no total, and the past stays", "[reconciliation]") {
  Reconciliation counts(1);
  counts.begin(std::vector<CountPair>{{1, 1}});
  CHECK(counts.totals(std::vector<CountPair>{{std::nullopt, 5}}) == Totals{std::nullopt});
  CHECK(counts.totals(std::vector<CountPair>{{5, std::nullopt}}) == Totals{std::nullopt});
  CHECK(counts.totals(std::vector<CountPair>{{0, 5}}) == Totals{std::nullopt});
  counts.pause(std::vector<CountPair>{{3, 3}});
  counts.begin(std::vector<CountPair>{{std::nullopt, 5}});
  CHECK(counts.totals(std::vector<CountPair>{{9, 9}}) == Totals{std::nullopt});
  counts.pause(std::vector<CountPair>{{9, 9}});
  counts.begin(std::vector<CountPair>{{9, 9}});
  CHECK(counts.totals(std::vector<CountPair>{{9, 9}}) == Totals{Compared{2, 2}});
}

// Two counts of the same events, compared over the time in which both were made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tcpperf::core {

// Of one counter, at one moment; none of one that cannot be told.
struct CountPair {
  std::optional<std::uint64_t> ours;
  std::optional<std::uint64_t> kernel;
};

// What both have counted.
struct Compared {
  std::uint64_t ours = 0;
  std::uint64_t kernel = 0;

  bool operator==(const Compared&) const = default;
};

// Adds up what both sides gain between begin() and pause(), any number of times. Not thread-safe. Every argument has
// one element per counter.
class Reconciliation {
 public:
  explicit Reconciliation(std::size_t counters) : counters_(counters) {}

  // Both sides count from here on.
  void begin(std::span<const CountPair> now);
  // Up to here, and not until the next begin().
  void pause(std::span<const CountPair> now);
  // What was gained in all. None of a counter that was not told when the counting began, is not told now, or went back.
  [[nodiscard]] std::vector<std::optional<Compared>> totals(std::span<const CountPair> now) const;
  // What was gained in all until the last pause(). None of a counter that was never told.
  [[nodiscard]] std::vector<std::optional<Compared>> past() const;

 private:
  struct Counter {
    std::optional<Compared> past;
    std::optional<Compared> start;
  };
  std::vector<Counter> counters_;
};

}  // namespace tcpperf::core

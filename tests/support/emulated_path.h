// A path of many hops between the two sides of a pair: delay, rate, a queue in front of the rate, and loss.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/network_pair.h"
#include "support/socket.h"

namespace tcpperf::test {

// One direction of a path.
struct DirectionOptions {
  std::chrono::microseconds delay{0};
  std::uint64_t bits_per_second = 0;      // of IP packets; 0: no limit, and so no queue
  std::uint64_t queue_bytes = 1'000'000;  // what may wait for the rate; what arrives beyond that is dropped
  std::uint32_t drop_every_nth = 0;       // of the packets of more than 1000 bytes, counted in this direction; 0: none
};

// What happened in one direction.
struct DirectionTotals {
  std::uint64_t delivered_packets = 0;
  std::uint64_t queue_drops = 0;
  std::uint64_t loss_drops = 0;
  std::uint64_t black_drops = 0;
};

// Replaces the cable of a pair, as long as it lives, by two TUN devices of the same name and addresses, and carries the
// packets between them in a thread of this process. Rates up to some ten thousand packets per second. A packet leaves a
// little late when the machine is busy, never early. Memory is bounded: beyond kMostPackets packets are dropped as from
// a full queue. After its end the pair has no cable. Throws std::runtime_error.
class EmulatedPath {
 public:
  static constexpr std::size_t kMostPackets = 32768;

  EmulatedPath(const NetworkPair& pair, const DirectionOptions& a_to_b, const DirectionOptions& b_to_a);
  ~EmulatedPath();
  EmulatedPath(const EmulatedPath&) = delete;
  EmulatedPath& operator=(const EmulatedPath&) = delete;

  // While black, everything that arrives is dropped; what is on its way is still delivered.
  void set_black(bool black);
  [[nodiscard]] DirectionTotals a_to_b() const;
  [[nodiscard]] DirectionTotals b_to_a() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Packet {
    Clock::time_point due;
    std::vector<char> bytes;
  };
  struct Direction {
    DirectionOptions options;
    Clock::time_point rate_free{};  // when the rate has room for the next packet
    std::uint64_t large_packets = 0;
    std::deque<Packet> on_its_way;
    DirectionTotals totals;
  };

  void carry();
  void read_all(std::size_t from);
  void take(Direction& direction, const char* bytes, std::size_t length) const;
  void deliver_due(std::size_t from);
  [[nodiscard]] timespec time_to_next() const;

  std::array<Socket, 2> devices_;        // of a, of b
  std::array<Direction, 2> directions_;  // from a, from b; only the totals are shared
  Socket wakeup_;                        // eventfd: the end

  mutable std::mutex mutex_;  // guards the totals and what follows
  bool black_ = false;

  std::thread thread_;  // last: started when the rest exists
};

}  // namespace tcpperf::test

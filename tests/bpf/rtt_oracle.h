// The kernel's own account of RTT samples and timeouts, for the sockets of a NetworkPair that connect while it lives.
#pragma once

#include <cstdint>
#include <memory>

struct bpf_link;
struct bpf_object;

namespace tcpperf::test {

struct RttTotals {
  std::uint64_t samples = 0;  // one per round trip; the handshake's sample is not among them
  std::uint64_t sum_us = 0;
  std::uint64_t first_timeouts = 0;  // of each series, on the connecting side
};

// Attached to the root of the cgroup hierarchy, which it mounts for itself. Throws std::runtime_error.
class RttOracle {
 public:
  RttOracle();
  ~RttOracle();
  RttOracle(const RttOracle&) = delete;
  RttOracle& operator=(const RttOracle&) = delete;

  [[nodiscard]] RttTotals totals() const;
  // Returns when there are this many samples; throws after 10 s.
  [[nodiscard]] RttTotals wait_for(std::uint64_t samples) const;

 private:
  struct bpf_object* object_ = nullptr;
  struct bpf_link* link_ = nullptr;
};

}  // namespace tcpperf::test

// Making the network of one side bad, in ways whose effect can be counted exactly.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "support/network_pair.h"

namespace tcpperf::test {

// Which TCP packets arriving at a side a fault is for, of IPv4 and IPv6.
struct Match {
  std::string field;  // "dport" or "sport"
  std::uint16_t port = 0;
};
inline Match to_port(std::uint16_t port) {
  return {"dport", port};
}
inline Match from_port(std::uint16_t port) {
  return {"sport", port};
}

// The counters of one fault; usable while its Faults lives and until clear(). Reading one runs nft (a few milliseconds)
// and throws std::runtime_error when the fault has been cleared.
class Fault {
 public:
  Fault(Side side, std::string name) : side_(std::move(side)), name_(std::move(name)) {}
  // Packets that the fault was about: matched, whether hit or spared.
  [[nodiscard]] std::uint64_t seen_packets() const;
  // Packets that were dropped or rejected.
  [[nodiscard]] std::uint64_t hit_packets() const;

 private:
  Side side_;
  std::string name_;
};

// Faults on what arrives at one side: nftables rules in the input hook of its namespace, before TCP sees the packet
// (Ip.InReceives counts it, Tcp.InSegs does not). Rules act in the order in which they were added; a packet that one
// drops is not seen by the next. No connection tracking. Packets are wire packets: see
// PairOptions::segmentation_offload. One Faults for each side at a time. All methods throw std::runtime_error.
class Faults {
 public:
  explicit Faults(Side side);
  ~Faults();
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  // Drops the nth, 2nth, 3nth ... matching packet; n = 1 drops all.
  Fault drop_every_nth(const Match& match, std::uint32_t n);
  // Drops each matching packet with this probability.
  Fault drop_random(const Match& match, std::uint32_t percent);
  // Drops the first `count` SYNs to the port, counted over all connections and retransmissions; all others pass.
  Fault drop_first_syn(std::uint16_t port, std::uint32_t count);
  // The same for the SYN+ACKs from the port: a fault of the client's side.
  Fault drop_first_synack(std::uint16_t port, std::uint32_t count);
  // Drops all but SYNs to the port: a client takes its handshakes for complete, the server sends its SYN-ACKs again.
  Fault drop_all_but_syns(std::uint16_t port);
  // Drops everything to the port without a word.
  Fault blackhole(std::uint16_t port);
  // Answers everything to the port with ICMP host unreachable (ICMPv6: address unreachable): a connect() fails with
  // EHOSTUNREACH. At once, or with the second SYN one second later: the answer comes so fast here that it can find the
  // socket still locked by connect(), and the kernel then only remembers it. The kernel limits how fast it sends them:
  // some six at once, then one a second to each host.
  Fault reject_unreachable(std::uint16_t port);

  // Limits what the side *sends* with a token bucket. tc's own units: rate "1mbit", burst "8kb" (at least one packet,
  // passes at once), latency "50ms" (longest wait in its queue; more is dropped at the sender). Replaces an earlier
  // one.
  void rate_limit(const std::string& rate, const std::string& burst, const std::string& latency);

  // Drops what the side sends that is not TCP, before its queue, whose counters would have it: a kernel reports groups
  // and looks for routers by itself. The other side's link address must be known by then.
  void send_only_tcp();

  // Takes all faults of this side away, its rate limit too.
  void clear();

 private:
  Fault add(const std::string& match, const std::string& condition, const std::string& verdict);
  void remove_rate_limit();

  Side side_;
  std::uint32_t next_ = 0;
  bool rate_limited_ = false;
};

}  // namespace tcpperf::test

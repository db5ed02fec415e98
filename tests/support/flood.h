// More traffic than anybody has room for: SYNs and connections from very many addresses.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include "support/socket.h"

namespace tcpperf::test {

// IPv4 addresses in host byte order, from `first` on.
struct SourceAddresses {
  std::uint32_t first = 0;
  std::uint32_t count = 1;

  // Of number i; after the last one they begin again.
  [[nodiscard]] std::uint32_t address(std::uint64_t i) const { return first + static_cast<std::uint32_t>(i % count); }
};

struct Target {
  std::string v4;
  std::uint16_t port = 0;  // in host byte order
};

// Sends `count` SYNs from the calling thread's network namespace, as fast as it can. Nobody answers the SYN-ACKs unless
// the namespace has the addresses. Needs root; throws std::runtime_error.
void send_syns(const Target& target, const SourceAddresses& sources, std::uint64_t count);

struct ChurnLimits {
  std::uint64_t connections = 0;
  std::chrono::seconds duration = std::chrono::hours(24);
  // Every nth connection of a thread is closed in order and waits for its peer to do the same; the others are broken
  // off once they are established. So the peer's accept queue is never longer than that. 0: none.
  std::uint32_t orderly_nth = 0;
};

// Makes connections from the calling thread's network namespace, which has the addresses, with two threads, until one
// of the limits is reached; how many there were. Throws std::runtime_error when one fails.
std::uint64_t make_connections(const Target& target, const SourceAddresses& sources, const ChurnLimits& limits);

// Accepts and closes, from construction to destruction, in the network namespace of the thread that makes it. Throws
// std::runtime_error.
class Acceptor {
 public:
  // `port` 0: one that is free. `v4` is the address to listen on.
  Acceptor(const std::string& v4, std::uint16_t port, int backlog);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  Socket listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace tcpperf::test

// Two hosts and a cable between them, in network namespaces: real TCP traffic that nothing else on the machine sees.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "support/socket.h"

namespace tcpperf::test {

// What travels on the wire and what kind of socket the client has.
enum class Family {
  kIPv4,    // AF_INET socket, IPv4 on the wire
  kIPv6,    // AF_INET6 socket, IPv6 on the wire
  kMapped,  // AF_INET6 socket, IPv4 on the wire (::ffff:a.b.c.d)
};
inline constexpr Family kAllFamilies[] = {Family::kIPv4, Family::kIPv6, Family::kMapped};
const char* name_of(Family family);

// One end of the pair. A plain value; valid for use while its NetworkPair lives.
struct Side {
  std::string name;       // of the namespace, as `ip netns` knows it
  std::string interface;  // the veth's name inside it
  std::string v4;
  std::string v6;

  // The address as a socket of that family has to name it.
  [[nodiscard]] std::string address(Family family) const;
};

struct PairOptions {
  std::uint32_t mtu_bytes = 1500;
  // false: one wire packet per segment (gso_max_segs 1), so that packet counts of nft are segment counts. true: the
  // kernel may hand up to 64 KiB to the other side as one packet, as on a host with offloads.
  bool segmentation_offload = false;
};

// All pairs have the same addresses, and measurements see the whole machine: while a process has one, other processes
// wait for their turn to make one. Makes two network namespaces "tcpperf-<pid>-<number>-a" and "-b" with 10.77.0.1/24,
// fd77::1/64 in a and 10.77.0.2/24, fd77::2/64 in b, joined by a veth pair, loopback up. The destructor removes both,
// and with them every process-less thing in them; sockets still open in a namespace keep the kernel's part of it alive
// until they are closed. Needs root; throws std::runtime_error saying so, or what failed, and leaves nothing behind
// then.
class NetworkPair {
 public:
  explicit NetworkPair(const PairOptions& options = {});
  ~NetworkPair();
  NetworkPair(const NetworkPair&) = delete;
  NetworkPair& operator=(const NetworkPair&) = delete;

  [[nodiscard]] const Side& a() const { return a_; }
  [[nodiscard]] const Side& b() const { return b_; }

 private:
  void build(const PairOptions& options) const;
  void remove() const noexcept;

  std::shared_ptr<Socket> turn_;
  Side a_;
  Side b_;
};

// Throws std::runtime_error when the caller is not root.
void require_root();

// Removes the namespaces of pairs whose process is gone. Every NetworkPair does this first.
void remove_abandoned_namespaces();

// Moves the calling thread into the side's network namespace, for good. Throws std::runtime_error.
void enter_namespace(const Side& side);

// Runs `function` in a new thread inside the side's network namespace and returns its result; an exception it throws
// arrives at the caller. Sockets and processes made there stay there. Make no test assertion inside it.
template <typename Function>
auto in_namespace(const Side& side, Function&& function) {
  using Value = std::invoke_result_t<Function>;
  std::exception_ptr failure;
  const auto inside = [&](auto&& body) {
    std::thread([&] {
      try {
        enter_namespace(side);
        body();
      } catch (...) {
        failure = std::current_exception();
      }
    }).join();
    if (failure) {
      std::rethrow_exception(failure);
    }
  };
  if constexpr (std::is_void_v<Value>) {
    inside([&] { function(); });
  } else {
    std::optional<Value> value;
    inside([&] { value.emplace(function()); });
    return std::move(*value);
  }
}

// The inode number that identifies the side's network namespace.
std::uint64_t namespace_inode(const Side& side);

// Reads and writes a setting of the side's namespace, such as "net/ipv4/tcp_syn_retries". Throws std::runtime_error.
std::string read_setting(const Side& side, const std::string& path);
void write_setting(const Side& side, const std::string& path, const std::string& value);

}  // namespace tcpperf::test

// Hostile traffic: more addresses and connections than anybody has room for leave everything bounded, and are counted.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "catch.h"
#include "measurement.h"
#include "support/command.h"
#include "support/listener.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/snmp.h"

namespace {

namespace test = tcpperf::test;
using tcpperf::core::Dimension;
using test::Measurement;
using test::NetworkPair;
using Values = std::map<std::vector<std::string>, double>;

// All that can be grouped.
const std::vector<std::string> kProbes = [] {
  std::vector<std::string> names;
  for (const tcpperf::core::ProbeDescriptor* probe : tcpperf::probes::probe_table()) {
    if (probe->grouped) {
      names.emplace_back(probe->name);
    }
  }
  return names;
}();
constexpr std::uint32_t kBudget = 64;
constexpr std::uint32_t kFirstSource = 0x0a580000;  // 10.88.0.0

// Side a owns 10.88.0.0/14 and side b knows the way: 262,144 addresses to connect from.
void add_source_network(const NetworkPair& pair) {
  test::run({"ip", "-n", pair.a().name, "route", "add", "local", "10.88.0.0/14", "dev", "lo"});
  test::run({"ip", "-n", pair.b().name, "route", "add", "10.88.0.0/14", "via", pair.a().v4});
}

tcpperf::adapters::bpf::FilterTables only_server_side(const NetworkPair& pair) {
  return test::only_side(pair.b().v4, pair.b().v6);
}

// Accepts and closes until it is destroyed.
class Acceptor {
 public:
  explicit Acceptor(const NetworkPair& pair) {
    listener_ = test::in_namespace(pair.b(), [&] {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(test::next_listener_port());
      if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
          ::listen(fd, 4096) != 0) {
        throw std::runtime_error(std::string("listen: ") + std::strerror(errno));
      }
      return fd;
    });
    sockaddr_in address{};
    socklen_t bytes = sizeof(address);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &bytes);
    port_ = address.sin_port;
    thread_ = std::thread([this] {
      for (int fd = 0; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0 || errno == ECONNABORTED;) {
        if (fd >= 0) {
          ::close(fd);
        }
      }
    });
  }
  ~Acceptor() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  [[nodiscard]] std::uint16_t port_be() const { return port_; }

 private:
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

// `count` connections, number i from address i % addresses, each broken off once it is established.
void connect_from_everywhere(const NetworkPair& pair, const Acceptor& acceptor, std::uint32_t count,
                             std::uint32_t addresses) {
  constexpr std::uint32_t kThreads = 2;
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      test::enter_namespace(pair.a());
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_port = acceptor.port_be();
      ::inet_pton(AF_INET, pair.b().v4.c_str(), &to.sin_addr);
      for (std::uint32_t i = t; i < count && failed == 0; i += kThreads) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const linger break_off{1, 0};
        sockaddr_in from{};
        from.sin_family = AF_INET;
        from.sin_addr.s_addr = htonl(kFirstSource + i % addresses);
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &break_off, sizeof(break_off));
        if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof(from)) != 0 ||
            ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) {
          failed = errno;
        }
        ::close(fd);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  if (failed != 0) {
    throw std::runtime_error(std::string("connect from one of many addresses: ") + std::strerror(failed));
  }
}

std::uint16_t checksum(const void* data, std::size_t bytes, std::uint32_t sum = 0) {
  const auto* words = static_cast<const std::uint16_t*>(data);
  for (std::size_t i = 0; i < bytes / 2; ++i) {
    sum += words[i];
  }
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~((sum & 0xffff) + (sum >> 16)));
}

// `count` SYNs, each from an address of its own.
void flood_with_syns(const NetworkPair& pair, std::uint16_t port_be, std::uint32_t count) {
  test::in_namespace(pair.a(), [&] {
    const int fd = ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (fd < 0) {
      throw std::runtime_error(std::string("raw socket: ") + std::strerror(errno));
    }
    sockaddr_in to{};
    to.sin_family = AF_INET;
    ::inet_pton(AF_INET, pair.b().v4.c_str(), &to.sin_addr);
    struct Packet {
      iphdr ip;
      tcphdr tcp;
    } packet{};
    for (std::uint32_t i = 0; i < count; ++i) {
      packet = {};
      packet.ip.version = 4;
      packet.ip.ihl = 5;
      packet.ip.ttl = 64;
      packet.ip.protocol = IPPROTO_TCP;
      packet.ip.tot_len = htons(sizeof(packet));
      packet.ip.saddr = htonl(kFirstSource + i);
      packet.ip.daddr = to.sin_addr.s_addr;
      packet.tcp.source = htons(static_cast<std::uint16_t>(1024 + i % 60000));
      packet.tcp.dest = port_be;
      packet.tcp.seq = htonl(i * 2654435761U);
      packet.tcp.doff = 5;
      packet.tcp.syn = 1;
      packet.tcp.window = htons(65535);
      const std::array<std::uint16_t, 6> pseudo = {static_cast<std::uint16_t>(packet.ip.saddr),
                                                   static_cast<std::uint16_t>(packet.ip.saddr >> 16),
                                                   static_cast<std::uint16_t>(packet.ip.daddr),
                                                   static_cast<std::uint16_t>(packet.ip.daddr >> 16),
                                                   htons(IPPROTO_TCP),
                                                   htons(sizeof(packet.tcp))};
      std::uint32_t sum = 0;
      for (const std::uint16_t word : pseudo) {
        sum += word;
      }
      packet.tcp.check = checksum(&packet.tcp, sizeof(packet.tcp), sum);
      while (::sendto(fd, &packet, sizeof(packet), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)) < 0 &&
             errno == ENOBUFS) {
      }
    }
    ::close(fd);
  });
}

// Entries of every map, for comparison; the arrays are always full.
std::map<std::string, std::uint64_t> entries(Measurement& measurement) {
  std::map<std::string, std::uint64_t> out;
  for (const tcpperf::adapters::bpf::MapState& map : measurement.session().maps()) {
    out[map.name] = map.entries;
    CHECK(map.entries <= map.capacity);
  }
  return out;
}

std::size_t series(Measurement& measurement) {
  std::size_t count = 0;
  for (const auto& family : measurement.snapshot().families) {
    count += family.series.size();
  }
  return count;
}

std::uint64_t lost(Measurement& measurement) {
  std::uint64_t sum = 0;
  for (const std::uint64_t reason : measurement.session().counters("lost_updates")) {
    sum += reason;
  }
  return sum;
}

void check_connections(std::uint32_t count, std::uint32_t addresses) {
  const NetworkPair pair;
  add_source_network(pair);
  Measurement measurement(kProbes, only_server_side(pair), {},
                          test::group_by(kProbes, {Dimension::kRemoteIp}, kBudget));
  const std::size_t most_series = series(measurement) * (1 + kBudget);  // `other` has all of its series from the start
  const Acceptor acceptor(pair);
  // Once around a tenth, to fill what fills up; then nothing grows any more.
  connect_from_everywhere(pair, acceptor, addresses / 10, addresses);
  const auto full = entries(measurement);
  connect_from_everywhere(pair, acceptor, count - addresses / 10, addresses);
  CHECK(entries(measurement) == full);
  CHECK(series(measurement) <= most_series);

  const Values connects = measurement.by_group("tcpperf_connects_total");
  double total = 0;
  for (const auto& [labels, value] : connects) {
    total += value;
  }
  INFO(measurement.nonzero());
  CHECK(total == count);
  CHECK(connects.size() == kBudget + 1);
  CHECK(lost(measurement) == 0);
}

}  // namespace

TEST_CASE("200,000 connections from 200,000 addresses fill the budget, are all counted, and nothing grows", "[flood]") {
  check_connections(200'000, 200'000);
}

TEST_CASE("a million connections from 250,000 addresses leave everything where it was", "[.][soak]") {
  check_connections(1'000'000, 250'000);
}

TEST_CASE("a SYN flood from 200,000 addresses makes no group", "[flood]") {
  const NetworkPair pair;
  add_source_network(pair);
  Measurement measurement(kProbes, only_server_side(pair), {},
                          test::group_by(kProbes, {Dimension::kRemoteIp}, kBudget));
  const Acceptor acceptor(pair);
  const auto before = entries(measurement);
  flood_with_syns(pair, acceptor.port_be(), 200'000);
  CHECK(test::read_snmp(pair.b()).at("Tcp.InSegs") > 100'000);  // it has arrived
  CHECK(lost(measurement) == 0);
  auto after = entries(measurement);
  after["synack_sent_us"] = before.at("synack_sent_us");  // bounded by its capacity
  CHECK(after == before);
  std::uint64_t used = 0;
  for (const tcpperf_group& group : measurement.session().groups().table(0)) {
    used += group.resolved != 0 ? 1 : 0;
  }
  CHECK(used == 0);
  CHECK(measurement.session().counters("group_overflow")[0] == 0);
}

TEST_CASE("a SYN flood shows as SYN cookies of its listener, and leaves memory and series as they were",
          "[flood][listener]") {
  const NetworkPair pair;
  // The SYN-ACKs find nobody, who would reset.
  test::run({"ip", "-n", pair.b().name, "route", "add", "10.88.0.0/14", "via", pair.a().v4});
  tcpperf::adapters::bpf::FilterTables filter = only_server_side(pair);
  filter.local_ip.push_back(*tcpperf::core::parse_cidr("0.0.0.0"));
  filter.local_port.push_back({test::kFirstListenerPort, test::kLastListenerPort});
  Measurement measurement({"listener"}, filter, {}, test::group_by({"listener"}, {Dimension::kLocalPort}, kBudget));
  const Acceptor acceptor(pair);
  const std::vector<std::string> port = {std::to_string(ntohs(acceptor.port_be()))};
  const auto before = entries(measurement);
  const std::size_t series_before = series(measurement);
  CHECK(measurement.by_group("tcpperf_listener_sockets") == Values{{port, 1}});
  CHECK(measurement.by_group("tcpperf_listener_syn_cookie_sockets").empty());
  flood_with_syns(pair, acceptor.port_be(), 20'000);
  CHECK(test::read_snmp(pair.b()).at("TcpExt.SyncookiesSent") > 0);
  // What the kernel lists of it; it gives up the oldest from time to time.
  const auto half_open = [&] {
    const std::string text = test::in_namespace(pair.b(), [] {
      return test::run({"ss", "-tnH", "state", "syn-recv"});
    });
    return static_cast<double>(std::count(text.begin(), text.end(), '\n'));
  };
  double listed = 0;
  Values queue;
  do {
    listed = half_open();
    queue = measurement.by_group("tcpperf_listener_syn_queue_connections");
  } while (listed != half_open());
  CHECK(listed > 0);
  CHECK(queue == Values{{port, listed}});
  CHECK(measurement.by_group("tcpperf_listener_syn_cookie_sockets") == Values{{port, 1}});
  CHECK(measurement.by_group("tcpperf_listener_accept_queue_connections").empty());
  CHECK(entries(measurement) == before);
  CHECK(series(measurement) == series_before);
}

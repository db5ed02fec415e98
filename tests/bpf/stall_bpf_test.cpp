// stall on real traffic: each cause alone, with a known delay and the kernel's own counts.
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

#include "abi/counters.h"
#include "abi/histogram.h"
#include "adapters/bpf/kernel.h"
#include "catch.h"
#include "measurement.h"
#include "support/faults.h"
#include "support/listener.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/snmp.h"
#include "support/traffic.h"
#include "support/wait.h"

namespace {

namespace core = tcpperf::core;
namespace test = tcpperf::test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using test::Family;
using test::Listener;
using test::Measurement;
using test::NetworkPair;
using test::Server;

constexpr const char* kCauses[] = {"rto", "zero_window_peer", "zero_window_own", "send_buffer", "connect", "accept"};

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}
double tick() {
  return seconds(tcpperf::adapters::bpf::Kernel::jiffy());
}

core::Histogram stalls(Measurement& measurement, const std::string& cause) {
  return measurement.histogram("tcpperf_stall_seconds", {cause});
}
double shut(Measurement& measurement, const char* side) {
  return measurement.value("tcpperf_zero_window_events_total", {side});
}

Measurement measure(const test::Side& side, bool reads = false) {
  return Measurement({"stall"}, test::only_side(side.v4, side.v6), {{"cfg_stall_reads", reads ? 1 : 0}});
}

// Only these causes were seen.
void check_no_others(Measurement& measurement, const std::vector<std::string>& expected) {
  for (const char* const cause : kCauses) {
    if (std::find(expected.begin(), expected.end(), cause) == expected.end()) {
      INFO(cause << "\n" << measurement.nonzero());
      CHECK(stalls(measurement, cause).count() == 0);
    }
  }
}

// Two ends of one connection, and what made it is gone.
struct Ends {
  test::Socket client;
  test::Socket server;
  std::uint16_t port;
};
Ends connect_ends(const NetworkPair& pair, Family family = Family::kIPv4) {
  const Listener listener(pair.b(), family == Family::kIPv4 ? Family::kIPv4 : Family::kMapped);
  test::Socket client = test::connect_to(pair.a(), pair.b(), family, listener.port());
  test::Socket server = listener.accept();
  return {std::move(client), std::move(server), listener.port()};
}

void wait_until_readable(const test::Socket& socket) {
  pollfd waiting{socket.get(), POLLIN, 0};
  REQUIRE(::poll(&waiting, 1, 10'000) == 1);
}

// Once back and forth: every end sees what happened before.
void exchange(const Ends& ends) {
  char byte = 'x';
  REQUIRE(::send(ends.client.get(), &byte, 1, 0) == 1);
  REQUIRE(::recv(ends.server.get(), &byte, 1, MSG_WAITALL) == 1);
  REQUIRE(::send(ends.server.get(), &byte, 1, 0) == 1);
  REQUIRE(::recv(ends.client.get(), &byte, 1, MSG_WAITALL) == 1);
}

}  // namespace

TEST_CASE("a connect stalls from connect to its success or failure", "[stall]") {
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Measurement client = measure(pair.a());
    Server server(pair.b());
    test::Faults faults(pair.b());
    const test::Fault fault = faults.drop_first_syn(server.port(), 1);
    const auto begin = Clock::now();
    const test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
    const auto connected = Clock::now();
    CHECK(fault.hit_packets() == 1);
    CHECK_FALSE(test::connect(pair.a(), family, pair.b().address(family), 9).connected());  // refused
    const double end = seconds(Clock::now() - begin);
    const core::Histogram connect = stalls(client, "connect");
    INFO(client.nonzero());
    CHECK(connect.count() == 2);
    // The SYN is sent again after a second.
    CHECK(connect.sum >= 1 - tick());
    CHECK(connect.sum <= end);
    CHECK(seconds(connected - begin) >= 1 - tick());
    check_no_others(client, {"connect"});
  }
}

TEST_CASE("a connection stalls until it is accepted", "[stall]") {
  const NetworkPair pair;
  Measurement server_side = measure(pair.b());
  const Listener listener(pair.b());
  const test::Socket client = test::connect_to(pair.a(), pair.b(), Family::kIPv4, listener.port());
  const auto connected = Clock::now();
  std::this_thread::sleep_for(300ms);
  const auto accepting = Clock::now();
  const test::Socket server = listener.accept();
  const core::Histogram accept = stalls(server_side, "accept");
  CHECK(accept.count() == 1);
  CHECK(accept.sum >= seconds(accepting - connected) - 0.05);  // the last ACK may have been on its way
  check_no_others(server_side, {"accept"});
}

TEST_CASE("a timeout stalls from the sending until the next segment comes, however often it is repeated", "[stall]") {
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    const Ends ends = connect_ends(pair, family);
    exchange(ends);
    Measurement client = measure(pair.a());
    const test::SnmpCounters before = test::read_snmp(pair.a());
    test::Faults faults(pair.b());
    const test::Fault black = faults.blackhole(ends.port);
    const auto sending = Clock::now();
    test::transfer(ends.client, 1);
    const auto sent = Clock::now();
    std::this_thread::sleep_for(1s);
    const auto clearing = Clock::now();
    faults.clear();
    wait_until_readable(ends.server);
    const auto arrived = Clock::now();
    exchange(ends);
    const auto end = Clock::now();
    const auto timeouts = test::delta(test::read_snmp(pair.a()), before).at("TcpExt.TCPTimeouts");
    const core::Histogram rto = stalls(client, "rto");
    INFO(client.nonzero());
    CHECK(timeouts >= 2);
    CHECK(rto.count() == 1);
    // Until the retransmission that arrives is acknowledged. A beginning and an end are each exact to a tick.
    CHECK(rto.sum >= seconds(clearing - sent) - 2 * tick());
    CHECK(rto.sum >= seconds(arrived - sent) - 2 * tick() - 0.05);
    CHECK(rto.sum <= seconds(end - sending) + 2 * tick());
    check_no_others(client, {"rto"});
  }
}

TEST_CASE("a timeout that ends the connection stalls until then", "[stall]") {
  const NetworkPair pair;
  Ends ends = connect_ends(pair);
  exchange(ends);
  Measurement client = measure(pair.a());
  test::Faults faults(pair.b());
  const test::Fault black = faults.blackhole(ends.port);
  const auto sending = Clock::now();
  test::transfer(ends.client, 1);
  const auto sent = Clock::now();
  std::this_thread::sleep_for(500ms);
  const auto closing = Clock::now();
  test::reset(ends.client);
  const double end = seconds(Clock::now() - sending);
  const core::Histogram rto = stalls(client, "rto");
  CHECK(rto.count() == 1);
  CHECK(rto.sum >= seconds(closing - sent) - 2 * tick());
  CHECK(rto.sum <= end + 2 * tick());
  check_no_others(client, {"rto"});
}

TEST_CASE("a process that does not read stalls both sides, and its sender's write", "[stall]") {
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Ends ends = connect_ends(pair, family);
    exchange(ends);
    Measurement client = measure(pair.a());
    Measurement server_side = measure(pair.b());
    const test::SnmpCounters before = test::read_snmp(pair.b());
    constexpr std::uint64_t kBytes = 32ULL << 20;  // more than all buffers take
    std::atomic<bool> written = false;
    std::thread writer([&] {
      test::transfer(ends.client, kBytes);
      written = true;
    });
    // Until the window is shut and the writer blocked.
    test::wait_until(
        [&] { return test::delta(test::read_snmp(pair.b()), before).at("TcpExt.TCPToZeroWindowAdv") == 1; });
    const auto shut_at = Clock::now();
    // The probe of a shut window is the next segment, after some 200 ms and then after twice as long.
    while (Clock::now() - shut_at < 1500ms) {
      stalls(client, "send_buffer");  // a sampling
      std::this_thread::sleep_for(20ms);
    }
    CHECK_FALSE(written);
    CHECK(stalls(client, "zero_window_peer").count() == 0);  // goes on
    const auto reading = Clock::now();
    std::vector<char> buffer(1 << 20);
    for (std::uint64_t left = kBytes; left > 0;) {
      const ssize_t got = ::recv(ends.server.get(), buffer.data(), buffer.size(), 0);
      REQUIRE(got > 0);
      left -= static_cast<std::uint64_t>(got);
    }
    const auto read = Clock::now();
    writer.join();
    exchange(ends);
    const auto shuts = test::delta(test::read_snmp(pair.b()), before).at("TcpExt.TCPToZeroWindowAdv");
    INFO(client.nonzero() << server_side.nonzero() << seconds(reading - shut_at) << " s, then "
                          << seconds(read - reading));
    CHECK(shut(server_side, "own") == static_cast<double>(shuts));
    CHECK(shut(client, "peer") == static_cast<double>(shuts));
    CHECK(shut(server_side, "peer") + shut(client, "own") == 0);
    for (const auto& [side, cause] :
         {std::pair(&client, "zero_window_peer"), std::pair(&server_side, "zero_window_own")}) {
      const core::Histogram stall = stalls(*side, cause);
      INFO(cause);
      CHECK(stall.count() >= 1);
      CHECK(stall.count() <= shuts);
      CHECK(stall.sum >= seconds(reading - shut_at) - 2 * tick());
    }
    const core::Histogram blocked = stalls(client, "send_buffer");
    CHECK(blocked.count() >= 1);
    // The first sampling saw it.
    CHECK(blocked.sum >= seconds(reading - shut_at) - 0.1);
    check_no_others(client, {"zero_window_peer", "send_buffer"});
    check_no_others(server_side, {"zero_window_own"});
  }
}

TEST_CASE("with reads, a window that its process shuts and soon opens again is seen each time", "[stall]") {
  constexpr std::uint64_t kRounds = 3;
  const NetworkPair pair;
  const Ends ends = connect_ends(pair, Family::kIPv4);
  exchange(ends);
  Measurement server_side = measure(pair.b(), true);
  const test::SnmpCounters before = test::read_snmp(pair.b());
  const auto shuts = [&] { return test::delta(test::read_snmp(pair.b()), before).at("TcpExt.TCPToZeroWindowAdv"); };
  constexpr std::uint64_t kBytes = 64ULL << 20;  // more than all buffers take, each time
  std::thread writer([&] { test::transfer(ends.client, kBytes); });
  std::uint64_t left = kBytes;
  std::vector<char> buffer(1 << 20);
  const auto read = [&](int flags) {
    const ssize_t got = ::recv(ends.server.get(), buffer.data(), buffer.size(), flags);
    left -= got > 0 ? static_cast<std::uint64_t>(got) : 0;
    return got > 0;
  };
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    test::wait_until([&] { return shuts() >= round; });
    while (read(MSG_DONTWAIT)) {
    }
  }
  while (left > 0) {
    REQUIRE(read(0));
  }
  writer.join();
  exchange(ends);
  INFO(server_side.nonzero());
  CHECK(shuts() >= kRounds);
  CHECK(shut(server_side, "own") == static_cast<double>(shuts()));
}

TEST_CASE("data is unread from its arrival until the process reads it", "[stall]") {
  constexpr int kRounds = 5;
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    const Ends ends = connect_ends(pair, family);
    exchange(ends);
    Measurement server_side = measure(pair.b(), true);
    double least = 0;
    double most = 0;
    for (int i = 0; i < kRounds; ++i) {
      const auto sending = Clock::now();
      test::transfer(ends.client, 3);
      wait_until_readable(ends.server);
      const auto arrived = Clock::now();
      std::this_thread::sleep_for(200ms);
      const double oldest = server_side.value("tcpperf_oldest_unread_seconds");
      CHECK(oldest >= 0.2 - tick());
      CHECK(oldest <= seconds(Clock::now() - sending) + tick());
      if (i % 2 == 0) {
        // A segment in between, and one more that comes later than what is followed.
        test::transfer(ends.client, 1);
        std::this_thread::sleep_for(20ms);
      }
      std::vector<char> buffer(16);
      const auto reading = Clock::now();
      REQUIRE(::recv(ends.server.get(), buffer.data(), buffer.size(), 0) > 0);
      most += seconds(Clock::now() - sending) + tick();
      least += seconds(reading - arrived) - 2 * tick();
      CHECK(server_side.value("tcpperf_oldest_unread_seconds") == 0);
    }
    // Read at once: no stall.
    const core::Histogram unread = stalls(server_side, "unread");
    INFO(server_side.nonzero());
    CHECK(unread.count() == kRounds);
    CHECK(unread.sum >= least);
    CHECK(unread.sum <= most);
    check_no_others(server_side, {});
  }
}

TEST_CASE("data is unread until all that had come is read, in however many parts", "[stall]") {
  const NetworkPair pair;
  const Ends ends = connect_ends(pair);
  exchange(ends);
  Measurement server_side = measure(pair.b(), true);
  const auto sending = Clock::now();
  test::transfer(ends.client, 100);
  wait_until_readable(ends.server);
  const auto arrived = Clock::now();
  std::this_thread::sleep_for(100ms);
  test::transfer(ends.client, 1);  // shows the first hundred unread
  std::this_thread::sleep_for(100ms);
  std::vector<char> buffer(99);
  REQUIRE(::recv(ends.server.get(), buffer.data(), 99, 0) == 99);
  std::this_thread::sleep_for(100ms);
  CHECK(server_side.value("tcpperf_oldest_unread_seconds") >= 0.3 - tick());
  CHECK(stalls(server_side, "unread").count() == 0);
  const auto reading = Clock::now();
  REQUIRE(::recv(ends.server.get(), buffer.data(), 1, 0) == 1);
  const core::Histogram unread = stalls(server_side, "unread");
  CHECK(unread.count() == 1);
  CHECK(unread.sum >= seconds(reading - arrived) - 2 * tick());
  CHECK(unread.sum <= seconds(Clock::now() - sending) + tick());
}

TEST_CASE("reads are looked at only when that is asked for", "[stall]") {
  const NetworkPair pair;
  const auto runs = [](Measurement& measurement) {
    std::size_t found = 0;
    for (const auto& program : measurement.session().programs()) {
      found += program.name == "on_read" ? 1 : 0;
    }
    return found;
  };
  Measurement without = measure(pair.a(), false);
  Measurement with = measure(pair.a(), true);
  CHECK(runs(without) == 0);
  CHECK(runs(with) == 1);
  CHECK_THROWS(stalls(without, "unread"));
  CHECK(stalls(with, "unread").count() == 0);
}

TEST_CASE("a busy connection without a stall has none, and its groups are those of connections", "[stall]") {
  constexpr int kRequests = 997;
  const NetworkPair pair;
  Measurement measurement({"stall"}, test::only_pair(), {}, test::group_by({"stall"}, {core::Dimension::kRole}, 4));
  Server server(pair.b(), {.mode = test::ServerMode::kEcho});
  test::Socket client = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::request_response(client, kRequests, 1000);
  test::close_actively(client);
  server.wait_for_closed(1);
  INFO(measurement.nonzero());
  const auto by_role = measurement.by_group("tcpperf_stall_seconds");
  CHECK(by_role == std::map<std::vector<std::string>, double>{{{"client"}, 1}, {{"server"}, 1}});  // connect, accept
  CHECK(measurement.by_group("tcpperf_zero_window_events_total").empty());
}

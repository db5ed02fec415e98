// Every fault does what it says, to the packet.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>

#include "catch.h"
#include "support/command.h"
#include "support/faults.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/snmp.h"
#include "support/tcp_info.h"
#include "support/traffic.h"

namespace {

namespace test = tcpperf::test;
using std::chrono::milliseconds;
using test::Family;
using test::Fault;
using test::Faults;
using test::NetworkPair;
using test::Server;

bool has_tbf(const test::Side& side) {
  return test::run({"tc", "-n", side.name, "qdisc", "show", "dev", side.interface}).find("tbf") != std::string::npos;
}

}  // namespace

TEST_CASE("the first SYNs to a port are dropped, exactly as many as asked for", "[support][faults]") {
  const NetworkPair pair;
  Server server(pair.b());
  Server other(pair.b());
  Faults faults(pair.b());
  const Fault fault = faults.drop_first_syn(server.port(), 2);
  CHECK(test::connect(pair.a(), Family::kIPv4, pair.b().v4, other.port(), milliseconds(500)).connected());
  CHECK(fault.seen_packets() == 0);

  const test::SnmpCounters before = test::read_snmp(pair.a());
  const test::Socket delayed = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  CHECK(fault.hit_packets() == 2);
  CHECK(fault.seen_packets() == 3);
  CHECK(test::delta(test::read_snmp(pair.a()), before)["Tcp.RetransSegs"] == 2);
  CHECK(test::tcp_info(delayed).tcpi_total_retrans == 2);

  const test::Socket undelayed = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  CHECK(fault.hit_packets() == 2);
  CHECK(fault.seen_packets() == 4);
  CHECK(test::tcp_info(undelayed).tcpi_total_retrans == 0);
}

TEST_CASE("the first SYN is dropped whatever the family", "[support][faults]") {
  const NetworkPair pair;
  Faults faults(pair.b());
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    Server server(pair.b());
    const Fault fault = faults.drop_first_syn(server.port(), 1);
    const test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
    CHECK(fault.hit_packets() == 1);
    CHECK(fault.seen_packets() == 2);
  }
}

TEST_CASE("the first SYN+ACKs from a port are dropped", "[support][faults]") {
  const NetworkPair pair;
  Server server(pair.b(), {.mode = test::ServerMode::kEcho});
  Faults faults(pair.a());
  const Fault fault = faults.drop_first_synack(server.port(), 1);
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  test::request_response(socket, 3);
  CHECK(fault.hit_packets() == 1);
  CHECK(fault.seen_packets() >= 2);  // both ends retransmit after a second; one or two SYN+ACKs follow
  CHECK(test::tcp_info(socket).tcpi_total_retrans == 1);
}

TEST_CASE("the packets before the nth pass, the nth is dropped once", "[support][faults]") {
  const NetworkPair pair;
  Server server(pair.b());
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  Faults faults(pair.b());
  const Fault fault = faults.drop_every_nth(test::to_port(server.port()), 3);
  for (std::uint64_t byte = 1; byte <= 2; ++byte) {
    test::transfer(socket, 1);
    server.wait_for_received(byte);
    CHECK(fault.hit_packets() == fault.seen_packets() / 3);
  }
  test::transfer(socket, 1);
  server.wait_for_received(3);
  CHECK(fault.hit_packets() >= 1);
  CHECK(fault.hit_packets() == fault.seen_packets() / 3);
}

TEST_CASE("every nth packet is dropped and every drop is retransmitted", "[support][faults]") {
  const NetworkPair pair;
  Server server(pair.b());
  Faults faults(pair.b());
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  const Fault fault = faults.drop_every_nth(test::to_port(server.port()), 20);
  const test::SnmpCounters before = test::read_snmp(pair.a());
  test::transfer(socket, 1'000'000);
  server.wait_for_received(1'000'000);
  const test::TcpInfo info = test::tcp_info(socket);
  const std::uint64_t hits = fault.hit_packets();
  CHECK(hits > 30);
  CHECK(hits == fault.seen_packets() / 20);
  CHECK(info.tcpi_total_retrans >= hits);
  CHECK(info.tcpi_bytes_retrans > 0);
  CHECK(test::delta(test::read_snmp(pair.a()), before)["Tcp.RetransSegs"] == info.tcpi_total_retrans);
  CHECK(fault.seen_packets() == info.tcpi_segs_out - 2);  // all but SYN and ACK of the handshake
}

TEST_CASE("replies from a port can be dropped at the client", "[support][faults]") {
  const NetworkPair pair;
  Server server(pair.b(), {.mode = test::ServerMode::kEcho});
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kMapped, server.port());
  Faults faults(pair.a());
  const Fault fault = faults.drop_every_nth(test::from_port(server.port()), 3);
  test::request_response(socket, 9);
  CHECK(fault.seen_packets() >= 9);
  CHECK(fault.hit_packets() == fault.seen_packets() / 3);
}

TEST_CASE("random drops follow their percentage", "[support][faults]") {
  const NetworkPair pair;
  Server server(pair.b());
  Faults faults(pair.b());
  const auto packets_hit = [&](std::uint32_t percent) {
    const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
    const std::uint64_t received = server.totals().bytes_received;
    const Fault fault = faults.drop_random(test::to_port(server.port()), percent);
    test::transfer(socket, 4'000'000);
    server.wait_for_received(received + 4'000'000);
    const std::uint64_t hits = fault.hit_packets();
    CHECK(fault.seen_packets() > 2000);
    faults.clear();
    return hits;
  };
  CHECK(packets_hit(0) == 0);
  const std::uint64_t hits = packets_hit(3);  // of some 3,000: 90 expected, a deviation of 9
  CHECK(hits > 35);
  CHECK(hits < 180);
}

TEST_CASE("a black hole swallows every packet in silence", "[support][faults]") {
  const NetworkPair pair;
  Server server(pair.b());
  Faults faults(pair.b());
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const Fault fault = faults.blackhole(server.port());
    const auto result = test::connect(pair.a(), family, pair.b().address(family), server.port(), milliseconds(100));
    CHECK(result.error == ETIMEDOUT);
    CHECK(fault.seen_packets() >= 1);
    CHECK(fault.hit_packets() == fault.seen_packets());
    faults.clear();
    CHECK(test::connect(pair.a(), family, pair.b().address(family), server.port()).connected());
    CHECK_THROWS_AS(fault.seen_packets(), std::runtime_error);
  }
}

TEST_CASE("a rejected connection fails with host unreachable", "[support][faults]") {
  const NetworkPair pair;
  Server server(pair.b());
  Faults faults(pair.b());
  const Fault fault = faults.reject_unreachable(server.port());
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const auto result = test::connect(pair.a(), family, pair.b().address(family), server.port());
    CHECK(result.error == EHOSTUNREACH);
  }
  CHECK(fault.hit_packets() == fault.seen_packets());
  CHECK(fault.hit_packets() >= 3);
  CHECK(fault.hit_packets() <= 6);  // each connection needs one SYN or two
  CHECK(server.totals().accepted == 0);
}

TEST_CASE("a rate limit cannot be outrun and ends when cleared", "[support][faults]") {
  const NetworkPair pair;
  Server server(pair.b());
  Faults faults(pair.a());
  faults.rate_limit("8mbit", "4kb", "50ms");
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  const auto start = std::chrono::steady_clock::now();
  test::transfer(socket, 300'000);
  server.wait_for_received(300'000);
  // 300,000 bytes less the bucket of 4,096 at 1,000,000 bytes/s: no schedule makes it faster.
  CHECK(std::chrono::steady_clock::now() - start >= milliseconds(295));
  CHECK(has_tbf(pair.a()));
  faults.clear();
  CHECK_FALSE(has_tbf(pair.a()));
}

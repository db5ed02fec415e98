// Groups on real traffic: every connection in its group, none lost, and slots that are given back.
#include <chrono>
#include <stdexcept>
#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>

#include "catch.h"
#include "core/groups/recycler.h"
#include "measurement.h"
#include "support/faults.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/socket_address.h"
#include "support/traffic.h"

namespace {

namespace test = tcpperf::test;
using namespace std::chrono_literals;
using tcpperf::core::Dimension;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;
using Values = std::map<std::vector<std::string>, double>;

constexpr int kConnections = 23;

void connect_and_close(const NetworkPair& pair, Server& server, int connections, Family family = Family::kIPv4) {
  const auto before = server.totals().closed;
  for (int i = 0; i < connections; ++i) {
    test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
    test::close_actively(socket);
  }
  server.wait_for_closed(before + static_cast<std::uint64_t>(connections));
}

// Carries out what the daemon would, at a made-up time.
void recycle(Measurement& measurement, tcpperf::core::Recycler& recycler, std::chrono::nanoseconds now,
             const std::string& probe) {
  tcpperf::adapters::bpf::Session& session = measurement.session();
  REQUIRE(session.sample());
  std::vector<tcpperf::core::SlotState> slots;
  for (const tcpperf_group& group : session.groups().table(0)) {
    slots.push_back({group.resolved, group.sockets});
  }
  const tcpperf::core::RecycleSteps steps = recycler.step(now, slots);
  for (const std::uint32_t slot : steps.withdraw) {
    REQUIRE(session.groups().withdraw(0, slot));
  }
  for (const std::uint32_t slot : steps.publish) {
    REQUIRE(session.groups().publish(0, slot));
  }
  for (const std::uint32_t slot : steps.retire) {
    REQUIRE(session.retire_group(0, slot));
    measurement.forget(probe, slot);
  }
}

double total(const Values& values) {
  double sum = 0;
  for (const auto& [labels, value] : values) {
    sum += value;
  }
  return sum;
}

std::uint64_t overflow(Measurement& measurement) {
  return measurement.session().counters("group_overflow")[0];
}

}  // namespace

TEST_CASE("each end of a connection is in the group of its role, service and family", "[groups]") {
  const NetworkPair pair;
  Measurement measurement(
      {"handshake", "state"}, test::only_pair(), {},
      test::group_by({"handshake", "state"}, {Dimension::kServicePort, Dimension::kRole, Dimension::kFamily}, 8));
  Server server(pair.b());
  connect_and_close(pair, server, kConnections, Family::kIPv4);
  connect_and_close(pair, server, kConnections, Family::kMapped);
  connect_and_close(pair, server, kConnections, Family::kIPv6);

  const std::string port = std::to_string(server.port());
  // The metric has a label `role` of its own, so the group's is left out.
  CHECK(measurement.by_group("tcpperf_connects_total") ==
        Values{{{port, "ipv4"}, 4 * kConnections}, {{port, "ipv6"}, 2 * kConnections}});
  // The client: SYN_SENT, ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE; the server: SYN_RECV, ESTABLISHED, CLOSE_WAIT,
  // LAST_ACK, CLOSE.
  const Values states = measurement.by_group("tcpperf_state_transitions_total");
  INFO(measurement.nonzero());
  CHECK(states.at({port, "client", "ipv4"}) == 2 * kConnections * 5);
  CHECK(states.at({port, "server", "ipv6"}) == kConnections * 5);
  CHECK(overflow(measurement) == 0);
}

TEST_CASE("an address, a network and a port make a group", "[groups]") {
  const NetworkPair pair;
  Measurement measurement(
      {"handshake"}, test::only_side(pair.a().v4, pair.a().v6), {},
      test::group_by({"handshake"}, {Dimension::kLocalIp, Dimension::kRemotePrefix, Dimension::kRemotePort}, 8,
                     {.ipv4_bits = 20, .ipv6_bits = 15}));
  Server server(pair.b());
  for (const Family family : test::kAllFamilies) {
    connect_and_close(pair, server, kConnections, family);
  }
  CHECK(measurement.by_group("tcpperf_connects_total") ==
        Values{{{"10.77.0.1", "10.77.0.0/20", std::to_string(server.port())}, 2 * kConnections},
               {{"fd77::1", "fd76::/15", std::to_string(server.port())}, kConnections}});
}

TEST_CASE("the local port of a connecting socket is known in all its numbers", "[groups]") {
  const NetworkPair pair;
  Measurement measurement({"state"}, test::only_side(pair.a().v4, pair.a().v6), {},
                          test::group_by({"state"}, {Dimension::kLocalPort}, 8));
  Server server(pair.b());
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  const std::string port = std::to_string(test::local_port(socket));
  test::close_actively(socket);
  server.wait_for_closed(1);
  CHECK(measurement.by_group("tcpperf_state_transitions_total") == Values{{{port}, 5}});
}

TEST_CASE("interface, network namespace and congestion control of a connection", "[groups]") {
  const NetworkPair pair;
  Measurement measurement(
      {"handshake"}, test::only_side(pair.a().v4, pair.a().v6), {},
      test::group_by({"handshake"}, {Dimension::kInterface, Dimension::kNetns, Dimension::kCongestionControl}, 8));
  Server server(pair.b());
  connect_and_close(pair, server, kConnections);
  const std::string control = test::read_setting(pair.a(), "net/ipv4/tcp_congestion_control");
  CHECK(measurement.by_group("tcpperf_connects_total") ==
        Values{{{pair.a().interface, std::to_string(test::namespace_inode(pair.a())),
                 control.substr(0, control.find_last_not_of('\n') + 1)},
                kConnections}});
}

TEST_CASE("groups beyond the budget are in `other`, and nothing is lost", "[groups]") {
  const NetworkPair pair;
  Measurement measurement({"handshake"}, test::only_side(pair.a().v4, pair.a().v6), {},
                          test::group_by({"handshake"}, {Dimension::kLocalPort}, 3));
  Server server(pair.b());
  connect_and_close(pair, server, kConnections);
  const Values connects = measurement.by_group("tcpperf_connects_total");
  INFO(measurement.nonzero());
  CHECK(connects.size() == 4);
  CHECK(connects.at({"other"}) == kConnections - 3);
  CHECK(total(connects) == kConnections);
  CHECK(overflow(measurement) == kConnections - 3);
}

TEST_CASE("a group that is idle gives its slot back and its past to `other`", "[groups]") {
  const NetworkPair pair;
  Measurement measurement({"handshake"}, test::only_side(pair.a().v4, pair.a().v6), {},
                          test::group_by({"handshake"}, {Dimension::kServicePort}, 1));
  Server first(pair.b());
  Server second(pair.b());
  const std::string first_port = std::to_string(first.port());
  const std::string second_port = std::to_string(second.port());
  tcpperf::core::Recycler recycler(10s);

  connect_and_close(pair, first, kConnections);
  recycle(measurement, recycler, 0s, "handshake");
  connect_and_close(pair, second, 1);
  recycle(measurement, recycler, 9s, "handshake");
  INFO(measurement.nonzero());
  CHECK(measurement.by_group("tcpperf_connects_total") == Values{{{first_port}, kConnections}, {{"other"}, 1}});

  // Withdrawn, then seen again: its numbers go on.
  recycle(measurement, recycler, 10s, "handshake");
  {
    test::Socket open = test::connect_to(pair.a(), pair.b(), Family::kIPv4, first.port());
    CHECK(total(measurement.by_group("tcpperf_connects_total")) == kConnections + 2);
    test::close_actively(open);
    first.wait_for_closed(kConnections + 1);
  }
  recycle(measurement, recycler, 20s, "handshake");
  recycle(measurement, recycler, 21s, "handshake");
  CHECK(total(measurement.by_group("tcpperf_connects_total")) == kConnections + 2);

  // Idle for good.
  recycle(measurement, recycler, 40s, "handshake");
  recycle(measurement, recycler, 42s, "handshake");
  CHECK(measurement.by_group("tcpperf_connects_total") == Values{{{"other"}, kConnections + 2}});
  CHECK(measurement.by_group("tcpperf_handshake_seconds") == Values{{{"other"}, kConnections + 2}});

  connect_and_close(pair, second, kConnections);
  CHECK(measurement.by_group("tcpperf_connects_total") ==
        Values{{{second_port}, kConnections}, {{"other"}, kConnections + 2}});
}

TEST_CASE("a group with an open connection keeps its slot, however idle", "[groups]") {
  const NetworkPair pair;
  Measurement measurement({"handshake"}, test::only_side(pair.a().v4, pair.a().v6), {},
                          test::group_by({"handshake"}, {Dimension::kServicePort}, 1));
  Server server(pair.b());
  tcpperf::core::Recycler recycler(10s);
  test::Socket open = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  for (const auto now : {0s, 11s, 12s, 30s, 60s}) {
    recycle(measurement, recycler, now, "handshake");
  }
  CHECK(measurement.by_group("tcpperf_connects_total") == Values{{{std::to_string(server.port())}, 1}});
  test::close_actively(open);
}

TEST_CASE("a connection that is older than the measurement keeps its role", "[groups]") {
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Server server(pair.b(), {.mode = test::ServerMode::kEcho});
    test::Socket quiet = test::connect_to(pair.a(), pair.b(), family, server.port());
    test::Socket busy = test::connect_to(pair.a(), pair.b(), family, server.port());
    test::request_response(busy, kConnections, 1000);
    server.wait_for_accepted(2);

    Measurement measurement({"rtt"}, test::only_pair(), {}, test::group_by({"rtt"}, {Dimension::kRole}, 4));
    test::request_response(quiet, kConnections);
    test::request_response(busy, kConnections);
    const Values samples = measurement.by_group("tcpperf_rtt_seconds");
    INFO(measurement.nonzero());
    CHECK(samples.size() == 2);
    CHECK(samples.at({"client"}) > 0);
    CHECK(samples.at({"server"}) > 0);
  }
}

TEST_CASE("a reset is in the group of the socket that sends it", "[groups]") {
  const NetworkPair pair;
  Measurement measurement({"reset"}, test::only_pair(), {}, test::group_by({"reset"}, {Dimension::kRole}, 4));
  Server server(pair.b());
  for (int i = 0; i < kConnections; ++i) {
    test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    test::reset(socket);
  }
  server.wait_for_closed(kConnections);
  CHECK(measurement.by_group("tcpperf_resets_sent_total") == Values{{{"client"}, kConnections}});
  CHECK(measurement.by_group("tcpperf_resets_received_total") == Values{{{"server"}, kConnections}});
}

TEST_CASE("a packet that fits the groups of both ends is in none of them", "[groups]") {
  const NetworkPair pair;
  Measurement measurement({"handshake", "drop"}, test::only_pair(), {},
                          test::group_by({"handshake", "drop"}, {Dimension::kRole}, 4));
  Server server(pair.b());
  connect_and_close(pair, server, 1);
  test::Faults faults(pair.b());
  faults.blackhole(server.port());
  test::connect(pair.a(), Family::kIPv4, pair.b().address(Family::kIPv4), server.port(), 200ms);
  const Values drops = measurement.by_group("tcpperf_drops_total");
  INFO(measurement.nonzero());
  CHECK(drops.size() == 1);
  CHECK(drops.contains({"other"}));
}

TEST_CASE("sockets that never connect take no slot", "[groups]") {
  const NetworkPair pair;
  Measurement measurement({"handshake", "retransmit"}, test::only_pair(), {},
                          test::group_by({"handshake", "retransmit"}, {Dimension::kLocalPort}, 4));
  test::in_namespace(pair.a(), [&] {
    for (int i = 0; i < kConnections; ++i) {
      const test::SocketAddress address = test::socket_address(Family::kIPv4, pair.a().v4, 0);
      const test::Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::bind(socket.get(), address.get(), address.length) != 0) {
        throw std::runtime_error("bind");
      }
    }
  });
  for (const tcpperf_group& group : measurement.session().groups().table(0)) {
    CHECK(group.resolved == 0);
  }
  CHECK(overflow(measurement) == 0);
}

TEST_CASE("a retransmitted SYN-ACK and a refused connection are in a group only when a socket made it", "[groups]") {
  const NetworkPair pair;
  Measurement measurement({"reset"}, test::only_side(pair.b().v4, pair.b().v6), {},
                          test::group_by({"reset"}, {Dimension::kServicePort, Dimension::kRole}, 8));
  constexpr std::uint16_t kClosedPort = 4999;
  for (int i = 0; i < kConnections; ++i) {
    CHECK_FALSE(test::connect(pair.a(), Family::kIPv4, pair.b().address(Family::kIPv4), kClosedPort).connected());
  }
  CHECK(measurement.by_group("tcpperf_resets_sent_total") == Values{{{"other", "other"}, kConnections}});
  CHECK(overflow(measurement) == 0);
}

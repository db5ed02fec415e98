// order on real traffic: what overtook, was sent twice or was marked, as the kernel and the fault count it.
#include <string>
#include <vector>

#include "catch.h"
#include "measurement.h"
#include "support/command.h"
#include "support/faults.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/snmp.h"
#include "support/tcp_info.h"
#include "support/traffic.h"
#include "support/wait.h"

namespace {

namespace test = tcpperf::test;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;

constexpr const char* kReorderings = "tcpperf_reordering_events_total";
constexpr const char* kDuplicates = "tcpperf_dsack_duplicate_segments_total";
constexpr const char* kOutOfOrder = "tcpperf_out_of_order_segments_received_total";
constexpr const char* kReceived = "tcpperf_received_segments_total";
constexpr const char* kDeliveredCe = "tcpperf_delivered_ce_packets_total";
constexpr const char* kReceivedCe = "tcpperf_received_ce_packets_total";
constexpr const char* kEcn = "tcpperf_ecn_connections_total";

// The port too: sockets of earlier tests can be open for a while without a process, at the same addresses.
Measurement measure_client(const NetworkPair& pair, const Server& server) {
  tcpperf::adapters::bpf::FilterTables filter = test::only_side(pair.a().v4, pair.a().v6);
  filter.remote_port = {{server.port(), server.port()}};
  return Measurement({"order"}, filter);
}
Measurement measure_server(const NetworkPair& pair, const Server& server) {
  tcpperf::adapters::bpf::FilterTables filter = test::only_side(pair.b().v4, pair.b().v6);
  filter.local_port = {{server.port(), server.port()}};
  return Measurement({"order"}, filter);
}

double counted(const test::SnmpCounters& kernel, const std::string& name) {
  return static_cast<double>(kernel.at("TcpExt." + name));
}

// Every nth segment with data that the side sends waits in a queue of its own, and others overtake it.
void delay_every_nth(const test::Side& side, const std::string& n) {
  const auto tc = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"tc", "-n", side.name});
    test::run(arguments);
  };
  tc({"qdisc", "add", "dev", side.interface, "root", "handle", "1:", "htb", "default", "10"});
  tc({"class", "add", "dev", side.interface, "parent", "1:", "classid", "1:10", "htb", "rate", "1gbit"});
  tc({"class", "add", "dev", side.interface, "parent", "1:", "classid", "1:20", "htb", "rate", "5mbit", "burst", "1600",
      "cburst", "1600"});
  test::in_namespace(side, [&] {
    test::run({"nft", "add table inet late"});
    test::run({"nft", "add chain inet late output { type filter hook output priority 0 ; }"});
    test::run({"nft", "add rule inet late output meta l4proto tcp meta length > 500 numgen inc mod " + n +
                          " == 1 meta priority set 1:20"});
  });
}

// Of the side's connections from now on.
void negotiate_ecn(const test::Side& side) {
  test::run({"ip", "-n", side.name, "route", "add", "10.77.0.2/32", "dev", side.interface, "features", "ecn"});
  test::run({"ip", "-n", side.name, "route", "add", "fd77::2/128", "dev", side.interface, "features", "ecn"});
}

// Every nth packet with data that arrives, and says that it may be marked, is marked CE.
void mark_every_nth(const test::Side& side, const std::string& n) {
  test::in_namespace(side, [&] {
    test::run({"nft", "add table ip marking"});
    test::run({"nft", "add counter ip marking marked"});
    test::run({"nft", "add chain ip marking input { type filter hook input priority 0 ; }"});
    test::run({"nft", "add rule ip marking input meta l4proto tcp ip ecn ect0 numgen inc mod " + n +
                          " == 1 ip ecn set ce counter name marked"});
  });
}

double marked_packets(const test::Side& side) {
  const std::string text = test::in_namespace(side, [] {
    return test::run({"nft", "list", "counter", "ip", "marking", "marked"});
  });
  return std::stod(text.substr(text.find("packets ") + 8));
}

}  // namespace

TEST_CASE("reordering is seen as often as the kernel sees it, by the sender and by the receiver", "[order]") {
  constexpr std::uint64_t kBytes = 2'000'003;
  const NetworkPair pair;
  // Else the sender takes what is late for lost at once.
  test::write_setting(pair.a(), "net/ipv4/tcp_recovery", "0");
  test::write_setting(pair.a(), "net/ipv4/tcp_reordering", "200");
  delay_every_nth(pair.a(), "17");
  Server server(pair.b());
  Measurement client = measure_client(pair, server);
  Measurement server_side = measure_server(pair, server);
  const test::SnmpCounters before_a = test::read_snmp(pair.a());
  const test::SnmpCounters before_b = test::read_snmp(pair.b());
  test::Socket socket = test::connect_to(pair.a(), pair.b(), GENERATE(Family::kIPv4, Family::kIPv6), server.port());
  test::transfer(socket, kBytes);
  server.wait_for_received(kBytes);
  test::wait_until([&] { return test::tcp_info(socket).tcpi_unacked == 0; });
  const test::TcpInfo info = test::tcp_info(socket);
  CHECK(client.value(kReorderings) == info.tcpi_reord_seen);  // while it is open
  test::close_actively(socket);
  server.wait_for_closed(1);
  const test::SnmpCounters kernel_a = test::delta(test::read_snmp(pair.a()), before_a);
  const test::SnmpCounters kernel_b = test::delta(test::read_snmp(pair.b()), before_b);
  INFO(client.nonzero() << server_side.nonzero());
  REQUIRE(info.tcpi_reord_seen > 0);
  CHECK(client.value(kReorderings) ==
        counted(kernel_a, "TCPSACKReorder") + counted(kernel_a, "TCPTSReorder") + counted(kernel_a, "TCPRenoReorder"));
  REQUIRE(counted(kernel_b, "TCPOFOQueue") > 10);
  CHECK(server_side.value(kOutOfOrder) == counted(kernel_b, "TCPOFOQueue"));  // one segment is one packet here
  CHECK(server_side.value(kReceived) == info.tcpi_data_segs_out);             // nothing was lost
  CHECK(client.value(kOutOfOrder) == 0);
}

TEST_CASE("segments sent again though they had arrived are counted as the peer reports them", "[order]") {
  const NetworkPair pair;
  Server server(pair.b());
  Measurement client = measure_client(pair, server);
  const test::SnmpCounters before = test::read_snmp(pair.a());
  double reported = 0;
  for (const Family family : test::kAllFamilies) {
    test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
    const double already = client.value(kDuplicates);
    {
      test::Faults faults(pair.a());  // the ACKs are lost
      faults.drop_every_nth(test::from_port(server.port()), 1);
      test::transfer(socket, 3001);
      test::wait_until([&] { return test::tcp_info(socket).tcpi_total_retrans >= 2; });
    }
    test::wait_until([&] { return test::tcp_info(socket).tcpi_dsack_dups > 0; });
    test::wait_until([&] { return test::tcp_info(socket).tcpi_unacked == 0; });
    CHECK(client.value(kDuplicates) - already == test::tcp_info(socket).tcpi_dsack_dups);
    reported += test::tcp_info(socket).tcpi_dsack_dups;
    test::close_actively(socket);
  }
  const test::SnmpCounters kernel = test::delta(test::read_snmp(pair.a()), before);
  INFO(client.nonzero());
  CHECK(client.value(kDuplicates) == reported);
  CHECK(client.value(kDuplicates) == counted(kernel, "TCPDSACKRecvSegs"));
}

TEST_CASE("connections are counted once by the ECN they negotiated, on both sides", "[order]") {
  constexpr int kWithout = 5;
  constexpr int kWith = 7;
  const NetworkPair pair;
  Server server(pair.b());
  Measurement client = measure_client(pair, server);
  Measurement server_side = measure_server(pair, server);
  std::vector<test::Socket> open;
  open.reserve(kWithout + kWith);
  for (int i = 0; i < kWithout; ++i) {
    open.push_back(test::connect_to(pair.a(), pair.b(), test::kAllFamilies[i % 3], server.port()));
  }
  negotiate_ecn(pair.a());
  for (int i = 0; i < kWith; ++i) {
    open.push_back(test::connect_to(pair.a(), pair.b(), test::kAllFamilies[i % 3], server.port()));
  }
  server.wait_for_accepted(kWithout + kWith);
  for (Measurement* side : {&client, &server_side}) {
    CHECK(side->value(kEcn, {"disabled"}) == kWithout);
    CHECK(side->value(kEcn, {"rfc3168"}) == kWith);
    CHECK(side->total(kEcn) == kWithout + kWith);
  }
}

TEST_CASE("marks of congestion are counted as they were made, and as the sender was told", "[order]") {
  constexpr std::uint64_t kBytes = 1'000'003;
  const NetworkPair pair;
  negotiate_ecn(pair.a());
  Server server(pair.b());
  Measurement client = measure_client(pair, server);
  Measurement server_side = measure_server(pair, server);
  mark_every_nth(pair.b(), "13");
  const test::SnmpCounters before = test::read_snmp(pair.a());
  test::Socket socket = test::connect_to(pair.a(), pair.b(), GENERATE(Family::kIPv4, Family::kMapped), server.port());
  test::transfer(socket, kBytes);
  server.wait_for_received(kBytes);
  test::wait_until([&] { return test::tcp_info(socket).tcpi_unacked == 0; });
  const test::TcpInfo info = test::tcp_info(socket);
  const double marked = marked_packets(pair.b());
  INFO(client.nonzero() << server_side.nonzero());
  REQUIRE(marked > 10);
  CHECK(server_side.value(kReceivedCe) == marked);
  CHECK(server_side.value(kDeliveredCe) == 0);
  CHECK(client.value(kReceivedCe) == 0);
  CHECK(client.value(kDeliveredCe) == info.tcpi_delivered_ce);
  CHECK(client.value(kDeliveredCe) > 0);
  test::close_actively(socket);
  server.wait_for_closed(1);
  const test::SnmpCounters kernel = test::delta(test::read_snmp(pair.a()), before);
  CHECK(client.value(kDeliveredCe) == counted(kernel, "TCPDeliveredCE"));
}

TEST_CASE("what a connection received before the measurement is not counted, what follows is", "[order]") {
  constexpr int kRounds = 11;
  const NetworkPair pair;
  Server server(pair.b(), {.mode = test::ServerMode::kEcho});
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  test::request_response(socket, 5, 997);
  Measurement client = measure_client(pair, server);
  CHECK(client.value(kReceived) == 0);
  const std::uint32_t before = test::tcp_info(socket).tcpi_data_segs_in;
  test::request_response(socket, kRounds, 997);
  CHECK(client.value(kReceived) == test::tcp_info(socket).tcpi_data_segs_in - before);
  CHECK(client.value(kReceived) == kRounds);
  test::close_actively(socket);
  CHECK(client.value(kReceived) == kRounds);
  CHECK(client.total(kEcn) == 0);
}

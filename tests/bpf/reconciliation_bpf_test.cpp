// reconciliation on real traffic, against the kernel's own counters of the same network namespace.
#include <cerrno>

#include "abi/counters.h"
#include "catch.h"
#include "measurement.h"
#include "support/faults.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/snmp.h"
#include "support/traffic.h"

namespace {

namespace test = tcpperf::test;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;

constexpr int kConnections = 11;
constexpr int kAccepted = 2 * kConnections;
constexpr int kOpened = 3 * kConnections;
constexpr std::uint16_t kClosedPort = 4999;

// Of everything that happens in the side's namespace: the filter must not matter.
Measurement measure(const test::Side& side) {
  return Measurement({"reconciliation"}, test::only_side("192.0.2.1", "2001:db8::1"),
                     {{"cfg_reconciliation_netns", test::namespace_inode(side)}});
}

std::uint64_t counted(Measurement& measurement, tcpperf_reconciled cell) {
  return measurement.session().counters("reconciled")[cell];
}

}  // namespace

TEST_CASE("opens, failed ones too, resets and broken ends are counted as the kernel counts them", "[reconciliation]") {
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Measurement client = measure(pair.a());
    Measurement server_side = measure(pair.b());
    Server server(pair.b());
    const test::SnmpCounters before_a = test::read_snmp(pair.a());
    const test::SnmpCounters before_b = test::read_snmp(pair.b());
    for (int i = 0; i < kConnections; ++i) {
      test::Socket closed = test::connect_to(pair.a(), pair.b(), family, server.port());
      test::close_actively(closed);
      test::Socket broken = test::connect_to(pair.a(), pair.b(), family, server.port());
      test::reset(broken);
      CHECK(test::connect(pair.a(), family, pair.b().address(family), kClosedPort).error == ECONNREFUSED);
    }
    server.wait_for_closed(kAccepted);
    const test::SnmpCounters kernel_a = test::delta(test::read_snmp(pair.a()), before_a);
    const test::SnmpCounters kernel_b = test::delta(test::read_snmp(pair.b()), before_b);
    for (const auto& [measurement, kernel] : {std::pair(&client, &kernel_a), std::pair(&server_side, &kernel_b)}) {
      CHECK(counted(*measurement, TCPPERF_RECONCILED_ACTIVE_OPENS) == kernel->at("Tcp.ActiveOpens"));
      CHECK(counted(*measurement, TCPPERF_RECONCILED_PASSIVE_OPENS) == kernel->at("Tcp.PassiveOpens"));
      CHECK(counted(*measurement, TCPPERF_RECONCILED_ESTABLISHED_RESETS) == kernel->at("Tcp.EstabResets"));
      CHECK(counted(*measurement, TCPPERF_RECONCILED_RESETS_SENT) == kernel->at("Tcp.OutRsts"));
      CHECK(counted(*measurement, TCPPERF_RECONCILED_NOT_SENT) == 0);
    }
    CHECK(kernel_a.at("Tcp.ActiveOpens") == kOpened);
    CHECK(kernel_b.at("Tcp.PassiveOpens") == kAccepted);
    CHECK(kernel_a.at("Tcp.EstabResets") == kConnections);
    CHECK(kernel_b.at("Tcp.OutRsts") == kConnections);
  }
}

TEST_CASE("a connect that finds no free port opened nothing", "[reconciliation]") {
  const NetworkPair pair;
  Measurement client = measure(pair.a());
  const Server server(pair.b());
  test::write_setting(pair.a(), "net/ipv4/ip_local_port_range", "40000 40001");
  const test::SnmpCounters before = test::read_snmp(pair.a());
  std::vector<test::Socket> sockets;
  int failed = 0;
  for (int i = 0; i < 3; ++i) {
    test::ConnectResult result = test::connect(pair.a(), Family::kIPv4, pair.b().v4, server.port());
    failed += result.error == EADDRNOTAVAIL ? 1 : 0;
    sockets.push_back(std::move(result.socket));
  }
  const test::SnmpCounters kernel = test::delta(test::read_snmp(pair.a()), before);
  REQUIRE(failed > 0);
  CHECK(counted(client, TCPPERF_RECONCILED_NOT_SENT) == static_cast<std::uint64_t>(failed));
  CHECK(counted(client, TCPPERF_RECONCILED_ACTIVE_OPENS) - counted(client, TCPPERF_RECONCILED_NOT_SENT) ==
        kernel.at("Tcp.ActiveOpens"));
}

TEST_CASE("SYNs and SYN-ACKs that are sent again count as retransmissions of both kinds", "[reconciliation]") {
  const NetworkPair pair;
  Measurement client = measure(pair.a());
  Measurement server_side = measure(pair.b());
  Server server(pair.b());
  const test::SnmpCounters before_a = test::read_snmp(pair.a());
  const test::SnmpCounters before_b = test::read_snmp(pair.b());
  {
    test::Faults faults(pair.b());
    faults.drop_first_syn(server.port(), 1);
    const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  }
  {
    test::Faults faults(pair.a());
    faults.drop_first_synack(server.port(), 3);
    const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    server.wait_for_accepted(2);
  }
  const test::SnmpCounters kernel_a = test::delta(test::read_snmp(pair.a()), before_a);
  const test::SnmpCounters kernel_b = test::delta(test::read_snmp(pair.b()), before_b);
  for (const auto& [measurement, kernel] : {std::pair(&client, &kernel_a), std::pair(&server_side, &kernel_b)}) {
    CHECK(kernel->at("TcpExt.TCPSynRetrans") > 0);
    CHECK(counted(*measurement, TCPPERF_RECONCILED_SYN_RETRANSMITS) == kernel->at("TcpExt.TCPSynRetrans"));
    CHECK(counted(*measurement, TCPPERF_RECONCILED_RETRANSMITS) == kernel->at("Tcp.RetransSegs"));
  }
}

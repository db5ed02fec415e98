// reset on real traffic, against the kernel's own counters.
#include <cerrno>

#include "catch.h"
#include "measurement.h"
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
constexpr std::uint16_t kClosedPort = 4999;

}  // namespace

TEST_CASE("resets that a client sends are those its peer receives", "[reset]") {
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Measurement measurement({"reset"});
    Server server(pair.b());
    const test::SnmpCounters before = test::read_snmp(pair.a());
    for (int i = 0; i < kConnections; ++i) {
      test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
      test::reset(socket);
    }
    server.wait_for_closed(kConnections);
    const test::SnmpCounters kernel = test::delta(test::read_snmp(pair.a()), before);
    INFO(measurement.nonzero());
    CHECK(measurement.total("tcpperf_resets_sent_total") == kConnections);
    CHECK(measurement.total("tcpperf_resets_sent_total") == static_cast<double>(kernel.at("Tcp.OutRsts")));
    CHECK(measurement.value("tcpperf_resets_received_total") == kConnections);
  }
}

TEST_CASE("a closed port answers with resets, with the kernel's reason", "[reset]") {
  const NetworkPair pair;
  Measurement server({"reset"}, test::only_side(pair.b().v4, pair.b().v6));
  Measurement client({"reset"}, test::only_side(pair.a().v4, pair.a().v6));
  for (int i = 0; i < kConnections; ++i) {
    CHECK(test::connect(pair.a(), Family::kIPv6, pair.b().v6, kClosedPort).error == ECONNREFUSED);
  }
  INFO(server.nonzero() << client.nonzero());
  CHECK(server.value("tcpperf_resets_sent_total", {"NO_SOCKET"}) == kConnections);
  CHECK(server.total("tcpperf_resets_sent_total") == kConnections);
  CHECK(client.value("tcpperf_resets_received_total") == kConnections);
  CHECK(client.total("tcpperf_resets_sent_total") == 0);
}

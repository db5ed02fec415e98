// drop on real traffic: receive path and send path, each against a count that something else made.
#include <cerrno>
#include <cstdlib>
#include <regex>
#include <stdexcept>
#include <string>

#include "catch.h"
#include "measurement.h"
#include "support/command.h"
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

constexpr int kConnections = 19;
constexpr std::uint16_t kClosedPort = 4999;

// What tracefs says about skb:kfree_skb, from a mount of our own: not every machine has it mounted.
std::string kfree_skb_format() {
  std::string place = "/tmp/tcpperf-tracefs-XXXXXX";
  if (::mkdtemp(place.data()) == nullptr) {
    throw std::runtime_error("mkdtemp");
  }
  test::run({"mount", "-t", "tracefs", "tracefs", place});
  std::string format;
  try {
    format = test::run({"cat", place + "/events/skb/kfree_skb/format"});
  } catch (const std::runtime_error&) {
    // said below, by an empty text
  }
  test::run({"umount", place});
  test::run({"rmdir", place});
  return format;
}

double drops(Measurement& measurement, const char* reason) {
  return measurement.value("tcpperf_drops_total", {reason});
}

}  // namespace

TEST_CASE("a packet that TCP drops on the receive path is seen with its reason, without a socket", "[drop]") {
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Measurement measurement({"drop"}, test::only_side(pair.b().v4, pair.b().v6));
    for (int i = 0; i < kConnections; ++i) {
      CHECK(test::connect(pair.a(), family, pair.b().address(family), kClosedPort).error == ECONNREFUSED);
    }
    INFO(measurement.nonzero());
    CHECK(drops(measurement, "NO_SOCKET") == kConnections);
    CHECK(measurement.total("tcpperf_drops_total") == kConnections);
  }
}

TEST_CASE("what the receiver's firewall drops equals its own counter", "[drop]") {
  const NetworkPair pair;
  Measurement measurement({"drop"}, test::only_side(pair.b().v4, pair.b().v6));
  Server server(pair.b());
  test::Faults faults(pair.b());
  const test::Fault loss = faults.drop_random(test::to_port(server.port()), 5);
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::transfer(socket, 1'000'000);
  test::close_actively(socket);
  CHECK(loss.hit_packets() > 10);
  CHECK(drops(measurement, "NETFILTER_DROP") == static_cast<double>(loss.hit_packets()));
}

namespace {

struct QueueDrops {
  double ours = 0;
  double kernel = 0;
  std::string told;
};

QueueDrops drops_of_a_short_queue() {
  const NetworkPair pair;
  Measurement measurement({"drop"}, test::only_side(pair.a().v4, pair.a().v6));
  Server server(pair.b());
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  test::Faults faults(pair.a());
  faults.send_only_tcp();
  faults.rate_limit("20mbit", "5kb", "3ms");
  test::transfer(socket, 1'000'000);
  test::close_actively(socket);
  const std::string report = test::in_namespace(pair.a(), [&] {
    return test::run({"tc", "-s", "qdisc", "show", "dev", pair.a().interface});
  });
  std::smatch found;
  REQUIRE(std::regex_search(report, found, std::regex("dropped ([0-9]+)")));
  return {measurement.total("tcpperf_drops_total"), std::stod(found[1]), report + measurement.nonzero()};
}

}  // namespace

// On a busy machine the kernel does not tell of every drop of a queue: of 71 it told of 65, as a second program on the
// same event counted too. What is asked for is that all are seen when it tells of all.
TEST_CASE("what the sender's queue drops equals the queue's own counter", "[drop]") {
  constexpr int kAttempts = 3;
  QueueDrops drops = drops_of_a_short_queue();
  for (int i = 1; i < kAttempts && drops.ours != drops.kernel; ++i) {
    WARN("the kernel's queue counted " << drops.kernel << " drops, its events " << drops.ours);
    drops = drops_of_a_short_queue();
  }
  INFO(drops.told);
  CHECK(drops.kernel > 0);
  CHECK(drops.ours == drops.kernel);
}

TEST_CASE("a SYN that a full accept queue ignores is not a drop to the kernel, and not to us", "[drop]") {
  const NetworkPair pair;
  Measurement measurement({"drop"}, test::only_side(pair.b().v4, pair.b().v6));
  Server server(pair.b(), {.backlog = 1, .accepting = false});
  const test::SnmpCounters before = test::read_snmp(pair.b());
  std::vector<test::Socket> held;
  held.reserve(6);
  for (int i = 0; i < 6; ++i) {
    held.push_back(
        test::connect(pair.a(), Family::kIPv4, pair.b().v4, server.port(), std::chrono::milliseconds(100)).socket);
  }
  const test::SnmpCounters kernel = test::delta(test::read_snmp(pair.b()), before);
  INFO(measurement.nonzero());
  CHECK(kernel.at("TcpExt.ListenOverflows") > 0);
  CHECK(measurement.total("tcpperf_drops_total") == 0);
}

TEST_CASE("reason names are those of the running kernel, and purged queues are no reason", "[drop]") {
  Measurement measurement({"drop"});
  CHECK(drops(measurement, "TCP_CSUM") >= 0);
  CHECK_THROWS(drops(measurement, "QUEUE_PURGE"));
  CHECK_THROWS(drops(measurement, "NOT_SPECIFIED"));
  // tracefs has the same table in the format of skb:kfree_skb.
  const std::string format = kfree_skb_format();
  const std::regex entry(R"(\{ *([0-9]+), *"([A-Z0-9_]+)\" *\})");
  int names = 0;
  for (std::sregex_iterator it(format.begin(), format.end(), entry); it != std::sregex_iterator(); ++it) {
    const std::string name = (*it)[2];
    if (name != "NOT_SPECIFIED" && name != "QUEUE_PURGE" && name != "MAX") {
      INFO(name);
      CHECK_NOTHROW(drops(measurement, name.c_str()));
      ++names;
    }
  }
  CHECK(names > 60);
}

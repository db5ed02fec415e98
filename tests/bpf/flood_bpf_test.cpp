// Hostile traffic: more addresses and connections than anybody has room for leave everything bounded, and are counted.
#include <algorithm>
#include <memory>
#include <vector>

#include "catch.h"
#include "measurement.h"
#include "support/command.h"
#include "support/flood.h"
#include "support/listener.h"
#include "support/network_pair.h"
#include "support/snmp.h"

namespace {

namespace test = tcpperf::test;
using tcpperf::core::Dimension;
using test::Acceptor;
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

std::unique_ptr<Acceptor> acceptor_of(const NetworkPair& pair) {
  return test::in_namespace(
      pair.b(), [] { return std::make_unique<Acceptor>("0.0.0.0", test::next_listener_port(), /*backlog=*/4096); });
}

// Number i from address i % addresses, each broken off once it is established.
void connect_from_everywhere(const NetworkPair& pair, const Acceptor& acceptor, std::uint32_t count,
                             std::uint32_t addresses) {
  test::in_namespace(pair.a(), [&] {
    test::make_connections({pair.b().v4, acceptor.port()}, {kFirstSource, addresses}, {.connections = count});
  });
}

// `count` SYNs, each from an address of its own.
void flood_with_syns(const NetworkPair& pair, std::uint16_t port, std::uint32_t count) {
  test::in_namespace(pair.a(), [&] { test::send_syns({pair.b().v4, port}, {kFirstSource, count}, count); });
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
  const std::unique_ptr<Acceptor> acceptor = acceptor_of(pair);
  // Once around a tenth, to fill what fills up; then nothing grows any more.
  connect_from_everywhere(pair, *acceptor, addresses / 10, addresses);
  const auto full = entries(measurement);
  connect_from_everywhere(pair, *acceptor, count - addresses / 10, addresses);
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
  const std::unique_ptr<Acceptor> acceptor = acceptor_of(pair);
  const auto before = entries(measurement);
  flood_with_syns(pair, acceptor->port(), 200'000);
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
  const std::unique_ptr<Acceptor> acceptor = acceptor_of(pair);
  const std::vector<std::string> port = {std::to_string(acceptor->port())};
  const auto before = entries(measurement);
  const std::size_t series_before = series(measurement);
  CHECK(measurement.by_group("tcpperf_listener_sockets") == Values{{port, 1}});
  CHECK(measurement.by_group("tcpperf_listener_syn_cookie_sockets").empty());
  flood_with_syns(pair, acceptor->port(), 20'000);
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

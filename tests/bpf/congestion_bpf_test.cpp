// congestion on real traffic: changes as the kernel counts them, and every second in the state that the kernel shows.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "catch.h"
#include "measurement.h"
#include "rtt_oracle.h"
#include "support/faults.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/snmp.h"
#include "support/tcp_info.h"
#include "support/traffic.h"
#include "support/wait.h"

namespace {

namespace core = tcpperf::core;
namespace test = tcpperf::test;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;
using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC, as the kernel's side

constexpr const char* kSeconds = "tcpperf_congestion_state_seconds_total";
constexpr const char* kTransitions = "tcpperf_congestion_transitions_total";
constexpr const char* kDwell = "tcpperf_congestion_dwell_seconds";
constexpr std::uint8_t kLoss = 4;

// The port too: sockets of earlier tests can be open for a while without a process, at the same addresses.
tcpperf::adapters::bpf::FilterTables clients_of(const NetworkPair& pair, const Server& server) {
  tcpperf::adapters::bpf::FilterTables filter = test::only_side(pair.a().v4, pair.a().v6);
  filter.remote_port = {{server.port(), server.port()}};
  return filter;
}

double entries(Measurement& measurement, const std::string& to) {
  double sum = 0;
  const core::Snapshot snapshot = measurement.snapshot();
  for (const core::Series& series : snapshot.find(kTransitions)->series) {
    sum += series.labels->at(1) == to ? std::get<double>(series.value) : 0;
  }
  return sum;
}

double seconds_of(Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

// Between what a connection's ESTABLISHED and CLOSE must lie, seen from outside.
struct Bounds {
  double least = 0;
  double most = 0;
};

// A connection of the client that it closes actively.
struct Connection {
  Clock::time_point before_connect = Clock::now();
  test::Socket socket;
  Clock::time_point connected;

  Connection(const NetworkPair& pair, const Server& server, Family family = Family::kIPv4)
      : socket(test::connect_to(pair.a(), pair.b(), family, server.port())), connected(Clock::now()) {}

  Bounds close() {
    const Clock::time_point before = Clock::now();
    test::half_close(socket);
    test::receive_to_end(socket);
    // CLOSE is when the FIN has been answered, at the latest when the socket is gone.
    socket.close();
    return {seconds_of(before - connected), seconds_of(Clock::now() - before_connect)};
  }
};

// The probe on a kernel that does not run the event of a change.
class WithoutEvent {
 public:
  WithoutEvent() {
    for (const core::ProbeDescriptor* probe : tcpperf::probes::probe_table()) {
      if (probe->name == "congestion") {
        probe_ = *probe;
      }
    }
    std::erase_if(probe_.hooks, [](const core::HookUse& use) { return use.program == "on_congestion"; });
  }
  [[nodiscard]] test::Tables tables() const { return {.probes = table_}; }

 private:
  core::ProbeDescriptor probe_;
  const core::ProbeDescriptor* pointer_ = &probe_;
  core::ProbeTable table_{&pointer_, 1};
};

// Sends into a black hole until the kernel says that the connection is in loss.
struct BlackHole {
  Clock::time_point last_before;  // not yet in loss
  Clock::time_point first_in;

  BlackHole(const test::Socket& socket, test::Faults& faults, std::uint16_t port) {
    faults.blackhole(port);
    test::transfer(socket, 5003);
    test::wait_until([&] {
      const Clock::time_point before = Clock::now();
      const bool in_loss = test::tcp_info(socket).tcpi_ca_state == kLoss;
      (in_loss ? first_in : last_before) = in_loss ? Clock::now() : before;
      return in_loss;
    });
  }
};

}  // namespace

TEST_CASE("entries into recovery and loss equal the kernel's counters, however often one looks", "[congestion]") {
  const NetworkPair pair;
  Server server(pair.b());
  const test::RttOracle oracle;
  Measurement client({"congestion"}, clients_of(pair, server));
  test::Faults faults(pair.b());
  std::vector<Connection> connections;
  constexpr int kConnections = 53;
  connections.reserve(kConnections);
  for (int i = 0; i < kConnections; ++i) {
    connections.emplace_back(pair, server, test::kAllFamilies[i % 3]);
  }
  const test::SnmpCounters before = test::read_snmp(pair.a());
  std::atomic<bool> done = false;
  Bounds life;
  std::thread traffic([&] {
    // Short transfers end before duplicate ACKs can tell of a loss.
    faults.drop_random(test::to_port(server.port()), 30);
    for (const Connection& connection : connections) {
      test::transfer(connection.socket, 3001);
    }
    for (const Connection& connection : connections) {
      test::wait_until([&] { return test::tcp_info(connection.socket).tcpi_unacked == 0; });
    }
    faults.clear();
    faults.drop_random(test::to_port(server.port()), 5);
    for (std::size_t i = 0; i < connections.size(); i += 16) {
      test::transfer(connections[i].socket, 500'009);
    }
    for (Connection& connection : connections) {
      const Bounds bounds = connection.close();
      life.least += bounds.least;
      life.most += bounds.most;
    }
    done = true;
  });
  while (!done) {
    client.snapshot();
  }
  traffic.join();
  server.wait_for_closed(connections.size());
  const test::SnmpCounters kernel = test::delta(test::read_snmp(pair.a()), before);
  const auto timeouts = static_cast<double>(oracle.totals().first_timeouts);
  INFO(client.nonzero());
  const auto counted = [&](const char* name) { return static_cast<double>(kernel.at(name)); };

  REQUIRE(counted("TcpExt.TCPSackRecovery") > 10);
  REQUIRE(timeouts > 0);
  CHECK(entries(client, "recovery") == counted("TcpExt.TCPSackRecovery") + counted("TcpExt.TCPRenoRecovery"));
  // A timeout in loss is no entry.
  CHECK(entries(client, "loss") == timeouts - counted("TcpExt.TCPLossFailures"));

  CHECK(client.total(kSeconds) >= life.least);
  CHECK(client.total(kSeconds) <= life.most);
  // Each stay ends with a change or with the connection.
  double stays = 0;
  double stayed = 0;
  for (const char* state : {"open", "disorder", "cwr", "recovery", "loss"}) {
    const core::Histogram dwell = client.histogram(kDwell, {state});
    stays += static_cast<double>(dwell.count());
    stayed += dwell.sum;
    CHECK(dwell.sum == Approx(client.value(kSeconds, {state})).margin(1e-6));
  }
  CHECK(stays == client.total(kTransitions) + static_cast<double>(connections.size()));
  CHECK(stayed == Approx(client.total(kSeconds)).margin(1e-5));
}

TEST_CASE("a connection without losses is open for as long as it lasts, on both sides", "[congestion]") {
  constexpr auto kIdle = std::chrono::milliseconds(700);
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Server server(pair.b(), {.mode = test::ServerMode::kEcho});
    Measurement client({"congestion"}, clients_of(pair, server));
    tcpperf::adapters::bpf::FilterTables served = test::only_side(pair.b().v4, pair.b().v6);
    served.local_port = {{server.port(), server.port()}};
    Measurement server_side({"congestion"}, served);
    Connection connection(pair, server, family);
    server.wait_for_accepted(1);
    const Clock::time_point accepted = Clock::now();
    test::request_response(connection.socket, 3, 997);
    std::this_thread::sleep_for(kIdle);
    // While it is open.
    for (Measurement* side : {&client, &server_side}) {
      const double least = seconds_of(Clock::now() - accepted);
      const double open = side->value(kSeconds, {"open"});
      CHECK(open >= least);
      CHECK(open <= seconds_of(Clock::now() - connection.before_connect));
    }
    const Bounds bounds = connection.close();
    server.wait_for_closed(1);
    INFO(client.nonzero());
    CHECK(client.total(kTransitions) == 0);
    CHECK(client.value(kSeconds, {"open"}) >= bounds.least);
    CHECK(client.value(kSeconds, {"open"}) <= bounds.most);
    CHECK(client.total(kSeconds) == client.value(kSeconds, {"open"}));
    CHECK(client.histogram(kDwell, {"open"}).count() == 1);
    // It closes when its last ACK arrives.
    test::wait_until([&] { return server_side.histogram(kDwell, {"open"}).count() == 1; });
    INFO(server_side.nonzero());
    const double closed = server_side.total(kSeconds);
    CHECK(closed >= seconds_of(kIdle));
    CHECK(server_side.total(kSeconds) == closed);
  }
}

TEST_CASE("a second in a black hole is a second of loss, and the way out of it is seen", "[congestion]") {
  const WithoutEvent without;
  const bool event = GENERATE(true, false);
  INFO((event ? "with" : "without") << " the event of a change");
  const NetworkPair pair;
  Server server(pair.b());
  Measurement client({"congestion"}, clients_of(pair, server), {}, {}, event ? test::Tables{} : without.tables());
  Connection connection(pair, server);
  test::Faults faults(pair.b());
  const BlackHole hole(connection.socket, faults, server.port());
  // Without the event a reading finds the change, and what was before it is the state before.
  Clock::time_point first_found = hole.first_in;
  if (!event) {
    test::wait_until([&] { return client.value(kTransitions, {"open", "loss"}) == 1; });
    first_found = Clock::now();
  }
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const double least = seconds_of(Clock::now() - first_found);
  const double loss = client.value(kSeconds, {"loss"});
  const double most = seconds_of(Clock::now() - hole.last_before);
  CHECK(loss >= least);
  CHECK(loss <= most);
  CHECK(entries(client, "loss") == 1);
  faults.clear();
  test::wait_until([&] { return test::tcp_info(connection.socket).tcpi_unacked == 0; });
  const Bounds life = connection.close();
  INFO(client.nonzero());
  CHECK(entries(client, "open") == 1);
  CHECK(client.histogram(kDwell, {"loss"}).count() == 1);
  CHECK(client.histogram(kDwell, {"loss"}).sum == Approx(client.value(kSeconds, {"loss"})).margin(1e-6));
  CHECK(client.total(kSeconds) >= life.least);
  CHECK(client.total(kSeconds) <= life.most);
}

TEST_CASE("without the event the states of a transfer with losses are still found and add up", "[congestion]") {
  const WithoutEvent without;
  const NetworkPair pair;
  Server server(pair.b());
  Measurement client({"congestion"}, clients_of(pair, server), {}, {}, without.tables());
  Connection connection(pair, server);
  const test::SnmpCounters before = test::read_snmp(pair.a());
  test::Faults way(pair.a());
  way.rate_limit("10mbit", "3kb", "100ms");  // so slow that most recoveries last longer than a jiffy
  test::Faults faults(pair.b());
  faults.drop_random(test::to_port(server.port()), 5);
  test::transfer(connection.socket, 2'000'003);
  const Bounds life = connection.close();
  const test::SnmpCounters kernel = test::delta(test::read_snmp(pair.a()), before);
  INFO(client.nonzero());
  REQUIRE(kernel.at("TcpExt.TCPSackRecovery") > 10);
  // Stays shorter than a look, once in a jiffy, are not seen.
  CHECK(entries(client, "recovery") > 0);
  CHECK(client.value(kSeconds, {"recovery"}) > 0);
  CHECK(client.total(kSeconds) >= life.least);
  CHECK(client.total(kSeconds) <= life.most);
}

TEST_CASE("of an older connection the time from the first sight counts, in the state it is in", "[congestion]") {
  const NetworkPair pair;
  Server server(pair.b());
  Connection connection(pair, server);
  test::Faults faults(pair.b());
  const BlackHole hole(connection.socket, faults, server.port());
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const Clock::time_point before = Clock::now();
  Measurement client({"congestion"}, clients_of(pair, server));
  const Clock::time_point after = Clock::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const double least = seconds_of(Clock::now() - after);
  const double loss = client.total(kSeconds);
  CHECK(loss >= least);
  CHECK(loss <= seconds_of(Clock::now() - before));
  CHECK(client.value(kSeconds, {"loss"}) == Approx(client.total(kSeconds)).margin(0.1));
  CHECK(client.value(kSeconds, {"open"}) == 0);
  CHECK(client.total(kTransitions) == 0);
  test::reset(connection.socket);
  CHECK(client.histogram(kDwell, {"loss"}).count() == 0);  // when it was entered is not known
}

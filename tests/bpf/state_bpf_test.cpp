// state on real traffic: every transition of known life cycles, and the time that really passed.
#include <chrono>
#include <thread>

#include "catch.h"
#include "measurement.h"
#include "support/listener.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/traffic.h"
#include "support/wait.h"

namespace {

namespace test = tcpperf::test;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;

constexpr int kConnections = 13;

double transitions(Measurement& measurement, const char* from, const char* to) {
  return measurement.value("tcpperf_state_transitions_total", {from, to});
}

}  // namespace

TEST_CASE("a client that closes first passes through its states exactly once per connection", "[state]") {
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Server server(pair.b());
    Measurement client({"state"}, test::only_side(pair.a().v4, pair.a().v6));
    for (int i = 0; i < kConnections; ++i) {
      test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
      test::close_actively(socket);
    }
    server.wait_for_closed(kConnections);
    INFO(client.nonzero());
    CHECK(transitions(client, "close", "syn_sent") == kConnections);
    CHECK(transitions(client, "syn_sent", "established") == kConnections);
    CHECK(transitions(client, "established", "fin_wait1") == kConnections);
    CHECK(client.total("tcpperf_state_transitions_total", "established") == kConnections);
    CHECK(client.histogram("tcpperf_state_seconds", {"syn_sent"}).count() == kConnections);
    CHECK(client.histogram("tcpperf_state_seconds", {"established"}).count() == kConnections);
    CHECK(client.histogram("tcpperf_state_seconds", {"fin_wait1"}).count() == kConnections);
  }
}

TEST_CASE("the passive side passes through close_wait and last_ack", "[state]") {
  const NetworkPair pair;
  Measurement measurement({"state"}, test::only_side(pair.b().v4, pair.b().v6));
  {
    Server server(pair.b());
    for (int i = 0; i < kConnections; ++i) {
      test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
      test::close_actively(socket);
    }
    server.wait_for_closed(kConnections);
  }
  INFO(measurement.nonzero());
  CHECK(transitions(measurement, "listen", "syn_recv") == kConnections);
  CHECK(transitions(measurement, "syn_recv", "established") == kConnections);
  CHECK(transitions(measurement, "established", "close_wait") == kConnections);
  CHECK(transitions(measurement, "close_wait", "last_ack") == kConnections);
  CHECK(measurement.histogram("tcpperf_state_seconds", {"close_wait"}).count() == kConnections);
}

TEST_CASE("close() after shutdown() does not split the stay in a state", "[state]") {
  const NetworkPair pair;
  const test::Listener listener(pair.b());
  Measurement measurement({"state"}, test::only_side(pair.a().v4, pair.a().v6));
  for (int i = 0; i < kConnections; ++i) {
    test::Socket client = test::connect_to(pair.a(), pair.b(), Family::kIPv4, listener.port());
    const test::Socket server = listener.accept();
    test::half_close(client);
    test::receive_to_end(server);  // so the client has left FIN_WAIT1, or is about to
    test::wait_until([&] { return transitions(measurement, "fin_wait1", "fin_wait2") == i + 1; });
    client.close();
  }
  INFO(measurement.nonzero());
  CHECK(measurement.histogram("tcpperf_state_seconds", {"fin_wait2"}).count() == kConnections);
}

TEST_CASE("the time in ESTABLISHED is the time the connection was held", "[state]") {
  const NetworkPair pair;
  Server server(pair.b());
  Measurement measurement({"state"}, test::only_side(pair.a().v4, pair.a().v6));
  const auto begin = std::chrono::steady_clock::now();
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  const auto connected = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto closing = std::chrono::steady_clock::now();
  test::reset(socket);
  const auto end = std::chrono::steady_clock::now();
  const auto held = measurement.histogram("tcpperf_state_seconds", {"established"});
  CHECK(held.count() == 1);
  CHECK(held.sum >= std::chrono::duration<double>(closing - connected).count());
  CHECK(held.sum <= std::chrono::duration<double>(end - begin).count());
}

TEST_CASE("a connection older than the measurement has no known time in its state", "[state]") {
  const NetworkPair pair;
  Server server(pair.b());
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  Measurement measurement({"state"}, test::only_side(pair.a().v4, pair.a().v6));
  test::close_actively(socket);
  CHECK(transitions(measurement, "established", "fin_wait1") == 1);
  CHECK(measurement.histogram("tcpperf_state_seconds", {"established"}).count() == 0);
  CHECK(measurement.histogram("tcpperf_state_seconds", {"fin_wait1"}).count() == 1);
}

// time on real traffic: all of a connection's time, and the kernel's own account of its parts.
#include <chrono>
#include <string>
#include <thread>

#include "catch.h"
#include "measurement.h"
#include "support/faults.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/tcp_info.h"
#include "support/traffic.h"
#include "support/wait.h"

namespace {

namespace test = tcpperf::test;
using std::chrono::milliseconds;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;
using test::ServerMode;

constexpr const char* kTime = "tcpperf_connection_time_seconds_total";

Measurement measure(const test::Side& side) {
  return Measurement({"time", "life"}, test::only_side(side.v4, side.v6));
}

}  // namespace

TEST_CASE("the limits of a connection add up to its life", "[time]") {
  constexpr int kConnections = 7;
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Measurement client = measure(pair.a());
    Server server(pair.b(), {.mode = ServerMode::kEcho});
    for (int i = 0; i < kConnections; ++i) {
      test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
      test::request_response(socket, 17, 4999);
      std::this_thread::sleep_for(milliseconds(50));
      test::close_actively(socket);
    }
    server.wait_for_closed(kConnections);
    const double life = client.histogram("tcpperf_connection_duration_seconds", {"seen"}).sum;
    INFO(client.nonzero());
    CHECK(client.total(kTime) == Approx(life).margin(0.001));
  }
}

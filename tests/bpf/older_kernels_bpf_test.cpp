// The object for kernels before 5.12, which runs on newer ones too. There the states of sockets are in hash maps, and
// nobody but the programs deletes them.
#include <algorithm>
#include <vector>

#include "catch.h"
#include "measurement.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/traffic.h"
#include "support/wait.h"

namespace {

namespace test = tcpperf::test;
using tcpperf::adapters::bpf::MapState;
using tcpperf::adapters::bpf::ObjectVariant;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;

Measurement measure_as_on_older_kernels(const std::vector<std::string>& probes,
                                        const tcpperf::core::GroupPlan& groups = {}) {
  return Measurement(probes, test::only_pair(), {}, groups, {.object = ObjectVariant::kOlder});
}

std::uint64_t entries(Measurement& measurement, std::string_view map) {
  const std::vector<MapState> maps = measurement.session().maps();
  return std::find_if(maps.begin(), maps.end(), [&](const MapState& state) { return state.name == map; })->entries;
}

}  // namespace

TEST_CASE("on older kernels what is remembered of a socket goes with it", "[older]") {
  constexpr std::uint64_t kConnections = 401;  // with their other ends as many files as a process has by default
  constexpr std::uint64_t kOthers = 200;       // sockets that the rest of the machine may open meanwhile
  const NetworkPair pair;
  const auto by_process = test::group_by({"life", "listener"}, {tcpperf::core::Dimension::kProcess}, 64);
  Measurement measurement = measure_as_on_older_kernels({"life", "listener"}, by_process);
  Server server(pair.b());
  const std::uint64_t flows = entries(measurement, "flows");
  const std::uint64_t owners = entries(measurement, "owners");
  {
    const test::Socket open = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    test::wait_until([&] { return measurement.total("tcpperf_open_connections") == 2; });
    CHECK(entries(measurement, "flows") >= flows + 2);
    CHECK(entries(measurement, "owners") >= owners + 2);  // who connected, and whose listener it was
  }
  {
    // All at once: one after the other would have the same addresses again.
    std::vector<test::Socket> sockets;
    for (std::uint64_t i = 0; i < kConnections; ++i) {
      sockets.push_back(test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port()));
    }
    test::wait_until([&] { return entries(measurement, "flows") >= flows + 2 * kConnections; });
  }
  server.wait_for_closed(kConnections + 1);
  test::wait_until([&] { return entries(measurement, "flows") < flows + kOthers; });
  CHECK(entries(measurement, "owners") < owners + kOthers);
}

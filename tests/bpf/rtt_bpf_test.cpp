// rtt on real traffic: exact counts of samples, and the kernel's own account of them.
#include "catch.h"
#include "measurement.h"
#include "rtt_oracle.h"
#include "support/faults.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/traffic.h"

namespace {

namespace test = tcpperf::test;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;
using test::ServerMode;

constexpr std::uint64_t kRounds = 499;

}  // namespace

TEST_CASE("every request and every response is one RTT sample, on all families", "[rtt]") {
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    const test::RttOracle oracle;
    Measurement measurement({"rtt"});
    {
      Server server(pair.b(), {.mode = ServerMode::kEcho});
      test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
      server.wait_for_accepted(1);
      const auto handshake = measurement.histogram("tcpperf_rtt_seconds", {"rx"});
      CHECK(handshake.count() == 2);  // one on each side

      test::request_response(socket, kRounds);
      // The last response is acknowledged late. After this the kernel takes two more samples, of the FINs; they are
      // acknowledged when the connection is no longer ESTABLISHED, and not ours.
      const test::RttTotals kernel = oracle.wait_for(2 * kRounds);
      test::close_actively(socket);
      server.wait_for_closed(1);

      // Each round trip is measured once, so the kernel's callback sees every sample.
      const auto samples = tcpperf::core::delta(measurement.histogram("tcpperf_rtt_seconds", {"rx"}), handshake);
      CHECK(samples.count() == 2 * kRounds);
      CHECK(samples.count() == kernel.samples);
      const double excess_s = samples.sum - static_cast<double>(kernel.sum_us) * 1e-6;
      CHECK(excess_s >= 0);  // each of ours is rounded up to 2^-30 s
      CHECK(excess_s <= static_cast<double>(samples.count()) * 0x1p-30);
    }
    CHECK(measurement.histogram("tcpperf_smoothed_rtt_seconds").count() == 2 * kRounds + 2);
    CHECK(measurement.histogram("tcpperf_rtt_variation_seconds").count() == 2 * kRounds + 2);
  }
}

TEST_CASE("a pure receiver adds no RTT samples after its handshake", "[rtt]") {
  const NetworkPair pair;
  Measurement receiver({"rtt"}, test::only_side(pair.a().v4, pair.a().v6));
  Server server(pair.b(), {.mode = ServerMode::kSource, .source_bytes = 8'000'000});
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  CHECK(test::receive_to_end(socket) == 8'000'000);
  CHECK(receiver.histogram("tcpperf_rtt_seconds", {"rx"}).count() == 1);
}

TEST_CASE("a queue in the path shows in the samples and not in the smoothed value alone", "[rtt]") {
  const NetworkPair pair;
  Measurement measurement({"rtt"}, test::only_side(pair.a().v4, pair.a().v6));
  Server server(pair.b(), {.mode = ServerMode::kSink});
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  const auto before = measurement.histogram("tcpperf_rtt_seconds", {"rx"});
  test::Faults faults(pair.a());
  // 1 MB/s with room for 100 ms: a bulk sender fills the queue, and its round trips take up to that long.
  faults.rate_limit("8mbit", "5kb", "100ms");
  test::transfer(socket, 1'000'000);
  test::close_actively(socket);
  const auto samples = tcpperf::core::delta(measurement.histogram("tcpperf_rtt_seconds", {"rx"}), before);
  INFO(measurement.nonzero());
  REQUIRE(samples.count() > 50);
  CHECK(*tcpperf::core::quantile(samples, 0.99) > 0.02);
  CHECK(*tcpperf::core::quantile(samples, 0.99) < 0.2);
}

TEST_CASE("with a sample interval a connection gives at most one sample in it", "[rtt]") {
  const NetworkPair pair;
  constexpr std::uint64_t kHourNs = 3'600'000'000'000;
  Measurement measurement({"rtt"}, test::only_pair(), {{"cfg_rtt_interval_ns", kHourNs}});
  Server server(pair.b(), {.mode = ServerMode::kEcho});
  for (int i = 0; i < 5; ++i) {
    test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
    test::request_response(socket, 50);
    test::close_actively(socket);
  }
  server.wait_for_closed(5);
  CHECK(measurement.histogram("tcpperf_rtt_seconds", {"rx"}).count() == 10);
}

TEST_CASE("a handshake that the kernel could not time is no sample", "[rtt]") {
  const NetworkPair pair;
  test::write_setting(pair.a(), "net/ipv4/tcp_timestamps", "0");
  Measurement measurement({"rtt", "handshake"});
  Server server(pair.b());
  test::Faults faults(pair.b());
  faults.drop_first_syn(server.port(), 1);
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  server.wait_for_accepted(1);
  INFO(measurement.nonzero());
  CHECK(measurement.value("tcpperf_connects_total", {"client"}) == 1);
  const auto samples = measurement.histogram("tcpperf_rtt_seconds", {"rx"});
  CHECK(samples.zero_count == 0);
  CHECK(samples.count() == 1);  // the server's; the client's SYN was sent twice, so its answer tells no time
}

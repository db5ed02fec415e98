// Sampling on real traffic: beside a measurement of everything, one of a part of the connections, on the same events.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <sys/socket.h>

#include "abi/sampling.h"
#include "adapters/bpf/kernel.h"
#include "catch.h"
#include "measurement.h"
#include "rtt_oracle.h"
#include "support/faults.h"
#include "support/listener.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/snmp.h"
#include "support/traffic.h"

namespace {

namespace core = tcpperf::core;
namespace test = tcpperf::test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;
using test::ServerMode;

constexpr std::uint32_t kLevel = 2;
constexpr double kWeight = 4;
constexpr std::uint64_t kConnections = 601;
constexpr std::uint64_t kRounds = 7;
// A probability of 1 in a million.
constexpr double kSpreads = 5;

struct Number {
  double count = 0;
  double sum = 0;  // of a counter the same
};

// Of each local port, over the metric's own labels.
std::map<std::string, Number> by_port(const core::Snapshot& snapshot, std::string_view metric) {
  std::map<std::string, Number> ports;
  const core::Family* family = snapshot.find(metric);
  REQUIRE(family != nullptr);
  for (const core::Series& series : family->series) {
    Number& number = ports[series.labels->back()];
    if (const auto* histogram = std::get_if<core::Histogram>(&series.value)) {
      number.count += static_cast<double>(histogram->count());
      number.sum += histogram->sum;
    } else {
      number.count += std::get<double>(series.value);
      number.sum = number.count;
    }
  }
  std::erase_if(ports, [](const auto& entry) { return entry.second.count == 0; });
  return ports;
}

Number total(const std::map<std::string, Number>& ports) {
  Number all;
  for (const auto& [port, number] : ports) {
    all.count += number.count;
    all.sum += number.sum;
  }
  return all;
}

// Each connection is in the sample with a chance of 1/kWeight, and then counts so many times: the variance of the
// estimate is (kWeight - 1) times the sum of the squares of what each has.
double spread(const std::map<std::string, Number>& exact, double Number::*what) {
  double squares = 0;
  for (const auto& [port, number] : exact) {
    squares += number.*what * (number.*what);
  }
  return std::sqrt((kWeight - 1) * squares);
}

bool is_attached(const tcpperf::adapters::bpf::Session& session, std::string_view name) {
  const auto programs = session.programs();
  return std::any_of(programs.begin(), programs.end(),
                     [&](const auto& program) { return program.name == name && program.attached; });
}

void connect_and_talk(const NetworkPair& pair, Server& server, std::uint64_t connections) {
  for (std::uint64_t i = 0; i < connections; ++i) {
    test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    test::request_response(socket, kRounds);
    test::close_actively(socket);
  }
  server.wait_for_closed(connections);
}

}  // namespace

TEST_CASE("a quarter of the connections, each whole, stands for all of them", "[sampling]") {
  const NetworkPair pair;
  const std::vector<std::string> probes{"rtt", "window", "throughput", "handshake"};
  const core::GroupPlan ports = test::group_by(probes, {core::Dimension::kLocalPort}, 1024);
  const std::map<std::string, std::uint64_t, std::less<>> every_segment{{"cfg_window_interval_ns", 0},
                                                                        {"cfg_window_perspective", 3}};
  const auto side = test::only_side(pair.a().v4, pair.a().v6);
  Measurement everything(probes, side, every_segment, ports);
  Measurement sampled(probes, side, every_segment, ports);
  sampled.session().set_sampling(kLevel);
  Server server(pair.b(), {.mode = ServerMode::kEcho});
  connect_and_talk(pair, server, kConnections);

  const core::Snapshot exact = everything.snapshot();
  const core::Snapshot estimate = sampled.snapshot();
  for (const char* const metric :
       {"tcpperf_rtt_seconds", "tcpperf_smoothed_rtt_seconds", "tcpperf_rtt_variation_seconds",
        "tcpperf_congestion_window_segments", "tcpperf_inflight_segments", "tcpperf_path_rtt_seconds",
        "tcpperf_send_window_bytes", "tcpperf_receive_window_bytes", "tcpperf_transmitted_segments_total"}) {
    INFO(metric);
    const auto of_each = by_port(exact, metric);
    const auto of_some = by_port(estimate, metric);
    REQUIRE(of_each.size() == kConnections);
    const auto some = static_cast<double>(of_some.size());
    const auto all = static_cast<double>(kConnections);
    CHECK(std::abs(kWeight * some - all) <= kSpreads * std::sqrt((kWeight - 1) * all));
    CHECK(std::abs(total(of_some).count - total(of_each).count) <= kSpreads * spread(of_each, &Number::count));
    CHECK(std::abs(total(of_some).sum - total(of_each).sum) <= kSpreads * spread(of_each, &Number::sum));
    std::size_t not_whole = 0;
    for (const auto& [port, number] : of_some) {
      const Number& whole = of_each.at(port);
      not_whole += number.count != kWeight * whole.count || std::abs(number.sum - kWeight * whole.sum) > 1e-9;
    }
    CHECK(not_whole == 0);
  }
  CHECK(total(by_port(exact, "tcpperf_rtt_seconds")).count >= kConnections * (kRounds + 1));
  // What every event tells, and what the sockets have counted, is exact.
  for (Measurement* measurement : {&everything, &sampled}) {
    CHECK(total(by_port(measurement->snapshot(), "tcpperf_connects_total")).count == kConnections);
    CHECK(total(by_port(measurement->snapshot(), "tcpperf_sent_bytes_total")).count == kConnections * kRounds);
    CHECK(total(by_port(measurement->snapshot(), "tcpperf_received_bytes_total")).count == kConnections * kRounds);
  }
}

TEST_CASE("the connections of a level are among those of every level above it", "[sampling]") {
  constexpr std::uint64_t kFew = 211;
  const NetworkPair pair;
  const core::GroupPlan ports = test::group_by({"rtt"}, {core::Dimension::kLocalPort}, 1024);
  const auto side = test::only_side(pair.a().v4, pair.a().v6);
  Measurement half({"rtt"}, side, {}, ports);
  Measurement quarter({"rtt"}, side, {}, ports);
  Measurement eighth({"rtt"}, side, {}, ports);
  half.session().set_sampling(1);
  quarter.session().set_sampling(2);
  eighth.session().set_sampling(3);
  Server server(pair.b(), {.mode = ServerMode::kEcho});
  connect_and_talk(pair, server, kFew);
  auto wider = by_port(half.snapshot(), "tcpperf_rtt_seconds");
  CHECK(wider.size() < kFew);
  for (Measurement* next : {&quarter, &eighth}) {
    const auto narrower = by_port(next->snapshot(), "tcpperf_rtt_seconds");
    CHECK(!narrower.empty());
    CHECK(narrower.size() < wider.size());
    for (const auto& [port, number] : narrower) {
      CHECK(wider.contains(port));
    }
    wider = narrower;
  }
}

TEST_CASE("connections that are left out leave no trace per segment, and all that is counted elsewhere is exact",
          "[sampling]") {
  constexpr std::uint64_t kFew = 101;
  const NetworkPair pair;
  Measurement none({"rtt", "window", "stall", "listener", "throughput", "handshake", "life", "retransmit", "time"},
                   test::only_pair(), {{"cfg_window_interval_ns", 0}, {"cfg_stall_reads", 1}});
  none.session().set_sampling(TCPPERF_SAMPLING_NONE);
  const test::SnmpCounters before = test::read_snmp(pair.a());
  Server server(pair.b(), {.mode = ServerMode::kEcho});
  connect_and_talk(pair, server, kFew);
  {
    test::Faults faults(pair.b());
    const test::Fault fault = faults.drop_first_syn(server.port(), 1);
    test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    test::close_actively(socket);
    server.wait_for_closed(kFew + 1);
  }
  INFO(none.nonzero());
  CHECK(none.histogram("tcpperf_rtt_seconds", {"rx"}).count() == 0);
  CHECK(none.histogram("tcpperf_smoothed_rtt_seconds").count() == 0);
  CHECK(none.histogram("tcpperf_send_window_bytes").count() == 0);
  for (const char* const cause : {"rto", "zero_window_peer", "zero_window_own", "send_buffer", "unread"}) {
    INFO(cause);
    CHECK(none.histogram("tcpperf_stall_seconds", {cause}).count() == 0);
  }
  // accept() is seen of every connection where functions can be traced, else at segments alone.
  const std::uint64_t accepted = is_attached(none.session(), "on_accept") ? kFew + 1 : 0;
  CHECK(none.histogram("tcpperf_listener_accept_wait_seconds").count() == accepted);
  CHECK(none.histogram("tcpperf_stall_seconds", {"accept"}).count() == accepted);
  CHECK(none.histogram("tcpperf_stall_seconds", {"connect"}).count() == kFew + 1);
  CHECK(none.value("tcpperf_connects_total", {"client"}) == kFew + 1);
  CHECK(none.value("tcpperf_connects_total", {"server"}) == kFew + 1);
  CHECK(none.value("tcpperf_sent_bytes_total") == 2 * kFew * kRounds);
  CHECK(none.histogram("tcpperf_connection_sent_bytes").count() == 2 * (kFew + 1));
  CHECK(none.total("tcpperf_retransmitted_segments_total") ==
        static_cast<double>(test::delta(test::read_snmp(pair.a()), before).at("Tcp.RetransSegs")));
  CHECK(none.session()
            .health(*[] {
              for (const core::ProbeDescriptor* probe : tcpperf::probes::probe_table()) {
                if (probe->name == "time") {
                  return probe;
                }
              }
              throw std::runtime_error("no probe time");
            }())
            .status == core::ProbeStatus::kDegraded);
}

TEST_CASE("a connection that is looked at again is measured exactly from then on, and nothing spans the gap",
          "[sampling]") {
  constexpr std::uint64_t kMissed = 101;
  constexpr std::uint64_t kMeasured = 499;
  const NetworkPair pair;
  const test::RttOracle oracle;
  Measurement measurement({"rtt"});
  Server server(pair.b(), {.mode = ServerMode::kEcho});
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::request_response(socket, kRounds);
  static_cast<void>(oracle.wait_for(2 * kRounds));

  measurement.session().set_sampling(TCPPERF_SAMPLING_NONE);
  const auto before_gap = measurement.histogram("tcpperf_rtt_seconds", {"rx"});
  {
    // Round trips that take some milliseconds leave another mean behind.
    test::Faults faults(pair.a());
    faults.rate_limit("2mbit", "2kb", "1s");
    test::request_response(socket, kMissed, 1000);
  }
  const test::RttTotals missed = oracle.wait_for(2 * (kRounds + kMissed));
  CHECK(measurement.histogram("tcpperf_rtt_seconds", {"rx"}) == before_gap);

  measurement.session().set_sampling(0);
  test::request_response(socket, kMeasured);
  const test::RttTotals kernel = oracle.wait_for(missed.samples + 2 * kMeasured);
  test::close_actively(socket);
  server.wait_for_closed(1);
  const auto samples = core::delta(measurement.histogram("tcpperf_rtt_seconds", {"rx"}), before_gap);
  CHECK(samples.count() == 2 * kMeasured);
  CHECK(samples.count() == kernel.samples - missed.samples);
  const double excess_s = samples.sum - static_cast<double>(kernel.sum_us - missed.sum_us) * 1e-6;
  CHECK(excess_s >= 0);  // each of ours is rounded up to 2^-30 s
  CHECK(excess_s <= static_cast<double>(samples.count()) * 0x1p-30);
}

TEST_CASE("going down brings nothing to an end: who stays in is measured on", "[sampling]") {
  const NetworkPair pair;
  const core::GroupPlan ports = test::group_by({"rtt"}, {core::Dimension::kLocalPort}, 1024);
  const auto side = test::only_side(pair.a().v4, pair.a().v6);
  Measurement everything({"rtt"}, side, {}, ports);
  Measurement sampled({"rtt"}, side, {}, ports);
  constexpr int kOpen = 61;
  Server server(pair.b(), {.mode = ServerMode::kEcho});
  std::vector<test::Socket> sockets;
  for (int i = 0; i < kOpen; ++i) {
    sockets.push_back(test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port()));
    test::request_response(sockets.back(), kRounds);
  }
  const auto exact_before = by_port(everything.snapshot(), "tcpperf_rtt_seconds");
  const auto before = by_port(sampled.snapshot(), "tcpperf_rtt_seconds");
  sampled.session().set_sampling(1);
  for (test::Socket& socket : sockets) {
    test::request_response(socket, kRounds);
    test::close_actively(socket);
  }
  server.wait_for_closed(kOpen);
  const auto exact = by_port(everything.snapshot(), "tcpperf_rtt_seconds");
  std::size_t in = 0;
  for (const auto& [port, number] : by_port(sampled.snapshot(), "tcpperf_rtt_seconds")) {
    const double gained = number.count - before.at(port).count;
    if (gained != 0) {
      ++in;
      CHECK(gained == 2 * (exact.at(port).count - exact_before.at(port).count));
    }
  }
  CHECK(in > 0);
  CHECK(in < kOpen);
}

TEST_CASE("what was unread before a connection was left out is not found again when its numbers wrap", "[sampling]") {
  constexpr std::uint64_t kBytes = std::uint64_t{9} << 28;  // 2.25 GiB: sequence numbers compare the other way round
  const NetworkPair pair({.segmentation_offload = true});
  Measurement measurement({"stall"}, test::only_side(pair.b().v4, pair.b().v6), {{"cfg_stall_reads", 1}});
  const test::Listener listener(pair.b(), Family::kIPv4);
  const test::Socket client = test::connect_to(pair.a(), pair.b(), Family::kIPv4, listener.port());
  const test::Socket server = listener.accept();
  std::vector<char> buffer(std::size_t{1} << 20);
  const auto read = [&](std::uint64_t bytes) {
    while (bytes > 0) {
      const ssize_t got = ::recv(server.get(), buffer.data(), std::min<std::uint64_t>(buffer.size(), bytes), 0);
      REQUIRE(got > 0);
      bytes -= static_cast<std::uint64_t>(got);
    }
  };
  for (int i = 0; i < 2; ++i) {  // the second segment finds the first unread
    test::transfer(client, 1);
    std::this_thread::sleep_for(50ms);
  }
  REQUIRE(measurement.value("tcpperf_oldest_unread_seconds") > 0.05);

  measurement.session().set_sampling(TCPPERF_SAMPLING_NONE);
  read(2);
  std::jthread sending([&] { test::transfer(client, kBytes); });
  read(kBytes);
  sending.join();
  const auto sent = Clock::now();
  test::transfer(client, 1);
  std::this_thread::sleep_for(50ms);
  const double oldest = measurement.value("tcpperf_oldest_unread_seconds");
  CHECK(oldest > 0);
  CHECK(oldest <= std::chrono::duration<double>(Clock::now() - sent + tcpperf::adapters::bpf::Kernel::jiffy()).count());
}

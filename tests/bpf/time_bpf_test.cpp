// time on real traffic: all of a connection's time to the nanosecond, and the kernel's own account of its parts.
#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <sys/socket.h>

#include "catch.h"
#include "measurement.h"
#include "support/emulated_path.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/tcp_info.h"
#include "support/traffic.h"
#include "support/wait.h"

namespace {

namespace test = tcpperf::test;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;
using test::ServerMode;

constexpr const char* kTime = "tcpperf_connection_time_seconds_total";
// Of the kernel's coarse clock, at HZ=100.
constexpr double kLongestJiffy = 0.01;

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// Of these servers alone: a socket that an earlier test left in a namespace that is gone may still be trying to end.
using Ports = std::vector<tcpperf::adapters::bpf::PortInterval>;
Ports ports_of(std::initializer_list<const Server*> servers) {
  Ports ports;
  for (const Server* server : servers) {
    ports.push_back({server->port(), server->port()});
  }
  return ports;
}

Measurement measure_clients(const NetworkPair& pair, std::initializer_list<const Server*> servers) {
  tcpperf::adapters::bpf::FilterTables filter = test::only_side(pair.a().v4, pair.a().v6);
  filter.remote_port = ports_of(servers);
  return Measurement({"time", "state"}, filter);
}

Measurement measure_servers(const NetworkPair& pair, std::initializer_list<const Server*> servers) {
  tcpperf::adapters::bpf::FilterTables filter = test::only_side(pair.b().v4, pair.b().v6);
  filter.local_port = ports_of(servers);
  return Measurement({"time", "state"}, filter);
}

double of(Measurement& measurement, const char* limit) {
  return measurement.value(kTime, {limit});
}

// All that is not idle, in one reading.
double busy(Measurement& measurement) {
  double sum = 0;
  const tcpperf::core::Snapshot snapshot = measurement.snapshot();
  for (const tcpperf::core::Series& series : snapshot.find(kTime)->series) {
    sum += series.labels->front() == "idle" ? 0 : std::get<double>(series.value);
  }
  return sum;
}

struct Lives {
  double seconds = 0;
  std::uint64_t stays = 0;  // each is rounded up to the next 2^-30 s
};

// From ESTABLISHED to CLOSE, by the probe `state`.
Lives lives(Measurement& measurement) {
  Lives lives;
  for (const char* state : {"established", "fin_wait1", "fin_wait2", "close_wait", "last_ack", "closing"}) {
    const tcpperf::core::Histogram stays = measurement.histogram("tcpperf_state_seconds", {state});
    lives.seconds += stays.sum;
    lives.stays += stays.count();
  }
  return lives;
}

void check_adds_up(Measurement& measurement) {
  const Lives expected = lives(measurement);
  const double missing = expected.seconds - measurement.total(kTime);
  INFO(measurement.nonzero());
  CHECK(missing > -1e-9);
  CHECK(missing < static_cast<double>(expected.stays) * 0x1p-30 + 1e-9);
}

void wait_until_closed(Measurement& measurement, double connections) {
  test::wait_until([&] {
    return measurement.value("tcpperf_state_transitions_total", {"last_ack", "close"}) +
               measurement.value("tcpperf_state_transitions_total", {"fin_wait2", "close"}) +
               measurement.value("tcpperf_state_transitions_total", {"closing", "close"}) +
               measurement.value("tcpperf_state_transitions_total", {"established", "close"}) +
               measurement.value("tcpperf_state_transitions_total", {"close_wait", "close"}) >=
           connections;
  });
}

// Has sent all it was given, and all of it was acknowledged: nothing of its time is busy any more.
test::TcpInfo wait_until_idle(const test::Socket& socket) {
  test::TcpInfo info;
  test::wait_until([&] {
    info = test::tcp_info(socket);
    return info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0;
  });
  return info;
}

}  // namespace

TEST_CASE("the limits of connections add up to their lives, to the nanosecond", "[time]") {
  constexpr int kOfEach = 7;
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    const Server echo(pair.b(), {.mode = ServerMode::kEcho});
    const Server source(pair.b(), {.mode = ServerMode::kSource, .source_bytes = 300'007});
    Measurement client = measure_clients(pair, {&echo, &source});
    Measurement server_side = measure_servers(pair, {&echo, &source});
    const auto begin = Clock::now();
    double open = 0;
    for (int i = 0; i < kOfEach; ++i) {
      test::Socket active = test::connect_to(pair.a(), pair.b(), family, echo.port());
      const auto connected = Clock::now();
      test::request_response(active, 17, 4999);
      std::this_thread::sleep_for(30ms);
      open += seconds(Clock::now() - connected);
      test::close_actively(active);
      test::Socket passive = test::connect_to(pair.a(), pair.b(), family, source.port());
      test::receive_to_end(passive);
      test::half_close(passive);
      passive.close();
      test::Socket broken = test::connect_to(pair.a(), pair.b(), family, echo.port());
      test::transfer(broken, 100'003);
      test::reset(broken);
    }
    wait_until_closed(client, 3 * kOfEach);
    wait_until_closed(server_side, 3 * kOfEach);
    check_adds_up(client);
    check_adds_up(server_side);
    CHECK(client.total(kTime) > open);
    CHECK(client.total(kTime) < seconds(Clock::now() - begin));
    CHECK(of(client, "idle") > kOfEach * 0.03 - kOfEach * kLongestJiffy);
  }
}

TEST_CASE("looking all the time neither adds nor takes away time", "[time]") {
  constexpr int kConnections = 499;
  const NetworkPair pair({.segmentation_offload = true});
  const Server server(pair.b());
  Measurement client = measure_clients(pair, {&server});
  Measurement server_side = measure_servers(pair, {&server});
  std::atomic<bool> done = false;
  std::jthread traffic([&] {
    for (int i = 0; i < kConnections; ++i) {
      test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
      test::transfer(socket, 60'013);
      test::close_actively(socket);
    }
    done = true;
  });
  double before = 0;
  bool went_back = false;
  while (!done) {
    const double now = client.total(kTime) + server_side.total(kTime);
    went_back = went_back || now < before;
    before = now;
  }
  traffic.join();
  CHECK_FALSE(went_back);
  for (Measurement* side : {&client, &server_side}) {
    wait_until_closed(*side, kConnections);
    check_adds_up(*side);
  }
}

TEST_CASE("busy time, and what of it the peer's window held up, are the kernel's own", "[time]") {
  constexpr std::uint64_t kBytes = 20'000'003;
  const NetworkPair pair({.segmentation_offload = true});
  Server server(pair.b(), {.reading = false});
  Measurement client = measure_clients(pair, {&server});
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  const auto connected = Clock::now();
  std::jthread writer([&] { test::transfer(socket, kBytes); });
  std::this_thread::sleep_for(400ms);
  server.start_reading();
  writer.join();
  server.wait_for_received(kBytes);
  const test::TcpInfo info = wait_until_idle(socket);
  std::this_thread::sleep_for(300ms);
  const auto looking = Clock::now();
  const double all = client.total(kTime);
  const double looked = seconds(Clock::now() - looking);
  INFO(client.nonzero());
  CHECK(all == Approx(seconds(looking - connected)).margin(looked + kLongestJiffy));
  CHECK(busy(client) == Approx(static_cast<double>(info.tcpi_busy_time) * 1e-6).margin(kLongestJiffy));
  CHECK(of(client, "rwnd_limited") + of(client, "reader_limited") ==
        Approx(static_cast<double>(info.tcpi_rwnd_limited) * 1e-6).margin(kLongestJiffy));
  CHECK(of(client, "reader_limited") > 0.25);
  CHECK(of(client, "sndbuf_limited") > static_cast<double>(info.tcpi_sndbuf_limited) * 1e-6 - kLongestJiffy);
}

TEST_CASE("a pure receiver is idle", "[time]") {
  const NetworkPair pair;
  Server server(pair.b(), {.mode = ServerMode::kSource, .source_bytes = 8'000'009});
  Measurement client = measure_clients(pair, {&server});
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kMapped, server.port());
  test::receive_to_end(socket);
  test::reset(socket);
  INFO(client.nonzero());
  CHECK(of(client, "idle") == client.total(kTime));
  CHECK(of(client, "idle") > 0);
}

TEST_CASE("the silence of an outage is the timeout's, however often one looks", "[time]") {
  const bool looking = GENERATE(false, true);
  const NetworkPair pair;
  test::EmulatedPath path(pair, {.delay = 10ms}, {.delay = 10ms});
  Server server(pair.b());
  Measurement client = measure_clients(pair, {&server});
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::transfer(socket, 1);
  wait_until_idle(socket);
  std::this_thread::sleep_for(200ms);
  path.set_black(true);
  const auto sending = Clock::now();
  test::transfer(socket, 997);
  const auto sent = Clock::now();
  while (Clock::now() < sent + 1s) {
    if (looking) {
      client.total(kTime);
    }
    std::this_thread::sleep_for(20ms);
  }
  path.set_black(false);
  auto still_missing = Clock::now();
  test::wait_until([&] {
    const auto now = Clock::now();
    const bool acked = test::tcp_info(socket).tcpi_unacked == 0;
    still_missing = acked ? still_missing : now;
    return acked;
  });
  const auto acked = Clock::now();
  const test::TcpInfo info = test::tcp_info(socket);
  INFO(client.nonzero());
  REQUIRE(info.tcpi_retrans == 0);
  REQUIRE(info.tcpi_total_retrans >= 2);
  CHECK(of(client, "rto") > seconds(still_missing - sent) - 2 * kLongestJiffy);
  CHECK(of(client, "rto") < seconds(acked - sending) + 2 * kLongestJiffy);
  // The first byte's round trip is the only other time it was busy.
  CHECK(of(client, "app_limited") < 0.02 + 2 * kLongestJiffy);
  CHECK(busy(client) == Approx(static_cast<double>(info.tcpi_busy_time) * 1e-6).margin(2 * kLongestJiffy));
  // Both ends: else they would try to end on a path that is gone, and be measured by the next test.
  test::reset(socket);
  server.wait_for_closed(1);
}

TEST_CASE("of a connection that is older than the measurement, time counts from its begin", "[time]") {
  const NetworkPair pair;
  Server server(pair.b());
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::transfer(socket, 3'000'017);
  wait_until_idle(socket);
  std::this_thread::sleep_for(500ms);
  const auto loading = Clock::now();
  Measurement client = measure_clients(pair, {&server});
  const auto loaded = Clock::now();
  std::this_thread::sleep_for(200ms);
  const auto looking = Clock::now();
  const double all = client.total(kTime);
  const auto looked = Clock::now();
  INFO(client.nonzero());
  CHECK(all >= seconds(looking - loaded));
  CHECK(all <= seconds(looked - loading));
  CHECK(of(client, "idle") >= all);
}

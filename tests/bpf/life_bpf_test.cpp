// life on real traffic: every connection once, with the time it really lasted and the bytes it really carried.
#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>

#include "catch.h"
#include "measurement.h"
#include "probes/registry.h"
#include "support/faults.h"
#include "support/listener.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/socket_address.h"
#include "support/traffic.h"
#include "support/wait.h"

namespace {

namespace core = tcpperf::core;
namespace test = tcpperf::test;
using Clock = std::chrono::steady_clock;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;
using test::ServerMode;

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

core::Histogram duration(Measurement& measurement, const char* began) {
  return measurement.histogram("tcpperf_connection_duration_seconds", {began});
}
std::uint64_t seen(Measurement& measurement) {
  return duration(measurement, "seen").count();
}
std::uint64_t before(Measurement& measurement) {
  return duration(measurement, "before").count();
}
core::Histogram sent(Measurement& measurement) {
  return measurement.histogram("tcpperf_connection_sent_bytes");
}
core::Histogram received(Measurement& measurement) {
  return measurement.histogram("tcpperf_connection_received_bytes");
}
double open_now(Measurement& measurement) {
  return measurement.value("tcpperf_open_connections");
}

Measurement measure(const test::Side& side) {
  return Measurement({"life"}, test::only_side(side.v4, side.v6));
}

// A server's socket is closed when the client's last ACK has arrived, a moment after the process closed it.
void wait_until_ended(Measurement& measurement, std::uint64_t connections) {
  test::wait_until([&] { return seen(measurement) + before(measurement) >= connections; });
}

}  // namespace

TEST_CASE("each connection is observed once on each side, with the bytes it carried", "[life]") {
  constexpr int kConnections = 13;
  constexpr std::uint64_t kUp = 4001;
  constexpr std::uint64_t kDown = 90'001;
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Measurement client = measure(pair.a());
    Measurement server_side = measure(pair.b());
    Server server(pair.b(), {.mode = ServerMode::kSource, .source_bytes = kDown});
    for (int i = 0; i < kConnections; ++i) {
      test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
      test::transfer(socket, kUp);
      test::close_actively(socket);
    }
    server.wait_for_closed(kConnections);
    wait_until_ended(client, kConnections);
    wait_until_ended(server_side, kConnections);
    INFO(client.nonzero() << server_side.nonzero());
    CHECK(seen(client) == kConnections);
    CHECK(seen(server_side) == kConnections);
    CHECK(before(client) + before(server_side) == 0);
    CHECK(sent(client).count() == kConnections);
    CHECK(sent(client).sum == kConnections * kUp);
    CHECK(received(client).sum == kConnections * kDown);
    CHECK(received(server_side).count() == kConnections);
    CHECK(received(server_side).sum == kConnections * kUp);
    CHECK(sent(server_side).sum == kConnections * kDown);
  }
}

TEST_CASE("a connection lasts from the connect call to its socket's end, on both sides", "[life]") {
  const NetworkPair pair;
  Server server(pair.b());
  Measurement client = measure(pair.a());
  Measurement server_side = measure(pair.b());
  const auto begin = Clock::now();
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  const auto connected = Clock::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto closing = Clock::now();
  SECTION("ended by a reset") {
    test::reset(socket);
  }
  SECTION("ended in order") {
    test::close_actively(socket);
  }
  server.wait_for_closed(1);
  wait_until_ended(client, 1);
  wait_until_ended(server_side, 1);
  const auto end = Clock::now();
  for (Measurement* side : {&client, &server_side}) {
    const core::Histogram lasted = duration(*side, "seen");
    CHECK(lasted.count() == 1);
    CHECK(lasted.sum <= seconds(end - begin));
    // The server's handshake ends with an ACK that may come after the client's connect() has returned.
    CHECK(lasted.sum >= seconds(closing - connected) - (side == &client ? 0 : 0.02));
  }
}

TEST_CASE("the handshake is part of a client's connection", "[life]") {
  const NetworkPair pair;
  Server server(pair.b());
  Measurement client = measure(pair.a());
  test::Faults faults(pair.b());
  faults.drop_first_syn(server.port(), 1);
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  test::reset(socket);
  CHECK(duration(client, "seen").count() == 1);
  CHECK(duration(client, "seen").sum >= 1.0);  // the kernel sends its second SYN after one second
}

TEST_CASE("what never was a connection is not counted", "[life]") {
  const NetworkPair pair;
  Measurement measurement({"life"}, test::only_pair());
  std::uint16_t free_port = 0;
  {
    const Server listening(pair.b());
    free_port = listening.port();
  }
  CHECK_FALSE(test::connect(pair.a(), Family::kIPv4, pair.b().v4, free_port).connected());
  test::in_namespace(pair.a(), [&] {
    const test::Socket never(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const test::SocketAddress own = test::socket_address(Family::kIPv4, pair.a().v4, 0);
    if (::bind(never.get(), own.get(), own.length) != 0) {
      throw std::runtime_error("bind");
    }
  });
  INFO(measurement.nonzero());
  CHECK(measurement.nonzero().empty());
}

TEST_CASE("a connection whose end is the first that is seen of it has lasted no time since", "[life]") {
  const NetworkPair pair;
  test::Listener listener(pair.b());
  const test::Socket waiting = test::connect_to(pair.a(), pair.b(), Family::kIPv4, listener.port());
  Measurement server_side = measure(pair.b());  // no process has it open yet
  listener.close();
  wait_until_ended(server_side, 1);
  INFO(server_side.nonzero());
  CHECK(before(server_side) == 1);
  CHECK(duration(server_side, "before").sum < 1);
}

TEST_CASE("a connection that was there before is told apart, with the bytes of its whole life", "[life]") {
  constexpr std::uint64_t kBefore = 30'011;
  constexpr std::uint64_t kAfter = 997;
  const bool goes_on = GENERATE(true, false);
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Server server(pair.b(), {.mode = ServerMode::kEcho});
    test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
    test::request_response(socket, 1, kBefore);
    const auto begin = Clock::now();
    Measurement client = measure(pair.a());
    Measurement server_side = measure(pair.b());
    if (goes_on) {
      test::request_response(socket, 1, kAfter);
    }
    const double total = static_cast<double>(server.totals().bytes_received);
    test::close_actively(socket);
    server.wait_for_closed(1);
    wait_until_ended(client, 1);
    wait_until_ended(server_side, 1);
    const double at_most = seconds(Clock::now() - begin);
    for (Measurement* side : {&client, &server_side}) {
      INFO(side->nonzero());
      CHECK(seen(*side) == 0);
      CHECK(before(*side) == 1);
      CHECK(duration(*side, "before").sum <= at_most);
      CHECK(sent(*side).sum == total);
      CHECK(received(*side).sum == total);
    }
  }
}

TEST_CASE("a connection that was there before carries its role", "[life][groups]") {
  constexpr int kConnections = 5;
  const NetworkPair pair;
  Server server(pair.b(), {.mode = ServerMode::kEcho});
  std::vector<test::Socket> sockets;
  for (int i = 0; i < kConnections; ++i) {
    sockets.push_back(test::connect_to(pair.a(), pair.b(), test::kAllFamilies[i % 3], server.port()));
    test::request_response(sockets.back(), 1, 101);
  }
  Measurement both({"life"}, test::only_pair(), {}, test::group_by({"life"}, {core::Dimension::kRole}, 4));
  const std::map<std::vector<std::string>, double> each{{{"client"}, kConnections}, {{"server"}, kConnections}};
  CHECK(both.by_group("tcpperf_open_connections") == each);
  for (test::Socket& socket : sockets) {
    test::close_actively(socket);
  }
  server.wait_for_closed(kConnections);
  test::wait_until([&] { return both.by_group("tcpperf_open_connections").empty(); });
  CHECK(both.by_group("tcpperf_connection_duration_seconds") == each);
  CHECK(both.by_group("tcpperf_connection_sent_bytes") == each);
}

TEST_CASE("a socket that connects again is a connection each time", "[life]") {
  constexpr int kLives = 5;
  const NetworkPair pair;
  Measurement client = measure(pair.a());
  Server server(pair.b());
  test::in_namespace(pair.a(), [&] {
    const test::Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const test::SocketAddress address = test::socket_address(Family::kIPv4, pair.b().v4, server.port());
    for (int i = 0; i < kLives; ++i) {
      if (::connect(socket.get(), address.get(), address.length) != 0) {
        throw std::runtime_error("connect");
      }
      test::transfer(socket, 7);
      sockaddr nobody{};
      nobody.sa_family = AF_UNSPEC;
      if (::connect(socket.get(), &nobody, sizeof(nobody)) != 0) {
        throw std::runtime_error("disconnect");
      }
    }
  });
  CHECK(seen(client) == kLives);
  CHECK(sent(client).sum == kLives * 7);
}

TEST_CASE("open connections are those between handshake and end", "[life]") {
  constexpr int kConnections = 7;
  const NetworkPair pair;
  Server server(pair.b(), {.mode = ServerMode::kEcho});
  std::vector<test::Socket> sockets;
  // Older ones count too.
  sockets.push_back(test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port()));
  server.wait_for_accepted(1);
  Measurement client = measure(pair.a());
  Measurement server_side = measure(pair.b());
  CHECK(open_now(client) == 1);
  CHECK(open_now(server_side) == 1);
  while (sockets.size() < kConnections) {
    sockets.push_back(test::connect_to(pair.a(), pair.b(), test::kAllFamilies[sockets.size() % 3], server.port()));
  }
  server.wait_for_accepted(kConnections);
  CHECK(open_now(client) == kConnections);
  CHECK(open_now(client) == kConnections);  // counted anew, not added
  CHECK(open_now(server_side) == kConnections);
  for (test::Socket& socket : sockets) {
    test::close_actively(socket);
  }
  server.wait_for_closed(kConnections);
  test::wait_until([&] { return open_now(server_side) == 0; });
  CHECK(open_now(client) == 0);
}

TEST_CASE("a half-closed connection is open on both sides", "[life]") {
  const NetworkPair pair;
  Server server(pair.b(), {.reading = false});
  Measurement client = measure(pair.a());
  Measurement server_side = measure(pair.b());
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::half_close(socket);  // fin_wait2 here, close_wait there, as the server does not read
  CHECK(open_now(client) == 1);
  CHECK(open_now(server_side) == 1);
  CHECK(seen(client) == 0);
  server.start_reading();
  test::receive_to_end(socket);
  server.wait_for_closed(1);
  wait_until_ended(server_side, 1);
  CHECK(open_now(client) + open_now(server_side) == 0);
  CHECK(seen(client) == 1);  // the socket is still held, its connection is over
}

TEST_CASE("of twenty thousand short connections none is missing", "[life]") {
  constexpr std::uint64_t kConnections = 20'000;
  constexpr std::uint64_t kThreads = 4;
  constexpr std::uint64_t kRequestBytes = 11;
  constexpr double kTotal = kConnections * kRequestBytes;
  const NetworkPair pair;
  Measurement client = measure(pair.a());
  Measurement server_side = measure(pair.b());
  Server server(pair.b(), {.mode = ServerMode::kEcho});
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t n = 0; n < kConnections / kThreads; ++n) {
        test::Socket socket = test::connect_to(pair.a(), pair.b(), test::kAllFamilies[n % 3], server.port());
        test::request_response(socket, 1, kRequestBytes);
        test::close_actively(socket);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  server.wait_for_closed(kConnections);
  wait_until_ended(client, kConnections);
  wait_until_ended(server_side, kConnections);
  INFO(client.nonzero() << server_side.nonzero());
  for (Measurement* side : {&client, &server_side}) {
    CHECK(seen(*side) + before(*side) == kConnections);
    CHECK(sent(*side).count() == kConnections);
    CHECK(sent(*side).sum == kTotal);
    CHECK(received(*side).sum == kTotal);
    CHECK(open_now(*side) == 0);
    for (const std::uint64_t lost : side->session().counters("lost_updates")) {
      CHECK(lost == 0);
    }
  }
}

TEST_CASE("an end that the hook of state changes missed is caught when the socket is freed", "[life]") {
  constexpr std::uint64_t kConnections = 11;
  constexpr std::uint64_t kBytes = 1009;
  // The same probe without that hook; segments make the sockets known.
  test::Tables tables;
  core::ProbeDescriptor blind = **std::find_if(tables.probes.begin(), tables.probes.end(),
                                               [](const auto* probe) { return probe->name == "life"; });
  blind.hooks = {{.program = "on_ack"}, {.program = "on_sample"}, {.program = "on_destroy"}};
  const std::array<const core::ProbeDescriptor*, 1> only_this{&blind};
  std::vector<core::HookDescriptor> hooks(tables.hooks.begin(), tables.hooks.end());
  std::erase_if(hooks, [](const auto& hook) { return hook.program == "on_state"; });
  tables = {only_this, hooks};
  const NetworkPair pair;
  Measurement client({"life"}, test::only_side(pair.a().v4, pair.a().v6), {}, {}, tables);
  Server server(pair.b(), {.mode = ServerMode::kEcho});
  for (std::uint64_t i = 0; i < kConnections; ++i) {
    test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    test::request_response(socket, 2, kBytes);
    test::close_actively(socket);
  }
  INFO(client.nonzero());
  wait_until_ended(client, kConnections);
  CHECK(before(client) == kConnections);
  CHECK(sent(client).sum == 2 * kConnections * kBytes);
  CHECK(received(client).sum == 2 * kConnections * kBytes);
}

// The emulated path does what it says: never faster, never more, and only what was asked for is lost.
#include <chrono>
#include <thread>

#include "catch.h"
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
using test::EmulatedPath;
using test::Family;
using test::NetworkPair;
using test::Server;
using test::ServerMode;

}  // namespace

TEST_CASE("a round trip on an emulated path takes the delays of both ways, on all families", "[support][path]") {
  constexpr int kRounds = 7;
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    const EmulatedPath path(pair, {.delay = 13ms}, {.delay = 7ms});
    Server server(pair.b(), {.mode = ServerMode::kEcho});
    test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
    const auto begin = Clock::now();
    test::request_response(socket, kRounds);
    CHECK(Clock::now() - begin >= kRounds * 20ms);
    CHECK(test::tcp_info(socket).tcpi_min_rtt >= 20'000);
    test::close_actively(socket);
    server.wait_for_closed(1);
    CHECK(path.a_to_b().loss_drops + path.a_to_b().queue_drops + path.b_to_a().loss_drops == 0);
  }
}

TEST_CASE("an emulated path is not faster than its rate, and drops what its queue has no room for", "[support][path]") {
  constexpr std::uint64_t kBytes = 1'000'003;
  const NetworkPair pair;
  const EmulatedPath path(pair, {.delay = 1ms, .bits_per_second = 16'000'000, .queue_bytes = 15'000}, {.delay = 1ms});
  Server server(pair.b());
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  const auto begin = Clock::now();
  test::transfer(socket, kBytes);
  test::close_actively(socket);
  CHECK(Clock::now() - begin >= 500ms);
  server.wait_for_closed(1);
  CHECK(server.totals().bytes_received == kBytes);
  CHECK(path.a_to_b().queue_drops > 0);
  CHECK(path.b_to_a().queue_drops == 0);
}

TEST_CASE("an emulated path loses every nth large packet, and all while it is black", "[support][path]") {
  constexpr std::uint64_t kBytes = 300'007;
  const NetworkPair pair;
  EmulatedPath path(pair, {.drop_every_nth = 31}, {});
  Server server(pair.b());
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  test::transfer(socket, kBytes);
  server.wait_for_received(kBytes);
  const std::uint64_t lost = path.a_to_b().loss_drops;
  CHECK(lost >= kBytes / 1440 / 31);
  CHECK(test::tcp_info(socket).tcpi_total_retrans >= lost);
  CHECK(path.a_to_b().black_drops == 0);
  path.set_black(true);
  test::transfer(socket, 11);
  test::wait_until([&] { return path.a_to_b().black_drops >= 2; });  // it is sent again, in vain
  CHECK(server.totals().bytes_received == kBytes);
  path.set_black(false);
  server.wait_for_received(kBytes + 11);
  test::close_actively(socket);
  server.wait_for_closed(1);
}

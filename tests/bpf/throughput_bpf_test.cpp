// throughput on real traffic: to the byte what the applications counted, whatever the network and the host do to it.
#include <array>
#include <atomic>
#include <cerrno>
#include <iomanip>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "catch.h"
#include "measurement.h"
#include "support/command.h"
#include "support/faults.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/socket_address.h"
#include "support/tcp_info.h"
#include "support/traffic.h"
#include "support/wait.h"

namespace {

namespace test = tcpperf::test;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;
using test::ServerMode;

// What the applications can count. A tail loss probe may be sent on a slow machine where nothing is lost.
struct Bytes {
  double sent = 0;
  double acked = 0;
  double received = 0;
  bool operator==(const Bytes&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Bytes& bytes) {
  return out << std::fixed << std::setprecision(0) << "sent " << bytes.sent << " acked " << bytes.acked << " received "
             << bytes.received;
}

Bytes bytes_of(Measurement& measurement) {
  return {measurement.value("tcpperf_sent_bytes_total"), measurement.value("tcpperf_acked_bytes_total"),
          measurement.value("tcpperf_received_bytes_total")};
}

Measurement measure(const test::Side& side) {
  return Measurement({"throughput"}, test::only_side(side.v4, side.v6));
}

// Until the peer's last ACK is there.
void wait_until_acked(const test::Socket& socket) {
  test::wait_until([&] { return test::tcp_info(socket).tcpi_unacked == 0; });
}

// What send() says it took, of a socket that does not wait.
struct Eager {
  std::uint64_t taken = 0;
  int refused = 0;
  int partial = 0;
};

Eager send_without_waiting(const test::Socket& socket, std::uint64_t bytes, const std::function<void()>& when_refused) {
  ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
  const std::vector<char> chunk(1'000'003, 'z');
  Eager eager;
  while (eager.taken < bytes) {
    const std::size_t wanted = std::min<std::uint64_t>(chunk.size(), bytes - eager.taken);
    const ssize_t sent = ::send(socket.get(), chunk.data(), wanted, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN) {
        throw std::runtime_error("send");
      }
      ++eager.refused;
      when_refused();
      pollfd waiting{socket.get(), POLLOUT, 0};
      ::poll(&waiting, 1, 1000);
      continue;
    }
    eager.partial += static_cast<std::size_t>(sent) < wanted ? 1 : 0;
    eager.taken += static_cast<std::uint64_t>(sent);
  }
  ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) & ~O_NONBLOCK);
  return eager;
}

}  // namespace

TEST_CASE("both sides count what the applications sent and received, open and closed", "[throughput]") {
  constexpr std::uint64_t kRounds = 17;
  constexpr std::uint64_t kRequestBytes = 4999;
  constexpr double kTotal = kRounds * kRequestBytes;
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Measurement client = measure(pair.a());
    Measurement server_side = measure(pair.b());
    Server server(pair.b(), {.mode = ServerMode::kEcho});
    test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
    CHECK(bytes_of(client) == Bytes{});
    test::request_response(socket, kRounds, kRequestBytes);
    test::wait_until([&] { return bytes_of(client).received >= kTotal; });
    CHECK(bytes_of(client) == Bytes{kTotal, kTotal, kTotal});
    test::close_actively(socket);
    server.wait_for_closed(1);
    test::wait_until([&] { return bytes_of(server_side).acked >= kTotal; });
    CHECK(bytes_of(client) == Bytes{kTotal, kTotal, kTotal});
    CHECK(bytes_of(server_side) == Bytes{kTotal, kTotal, kTotal});
  }
}

TEST_CASE("short connections that nobody looked at are counted to the byte", "[throughput]") {
  constexpr int kConnections = 101;
  constexpr std::uint64_t kBytes = 757;
  const NetworkPair pair;
  Measurement client = measure(pair.a());
  Measurement server_side = measure(pair.b());
  Server server(pair.b());
  for (int i = 0; i < kConnections; ++i) {
    test::Socket socket = test::connect_to(pair.a(), pair.b(), test::kAllFamilies[i % 3], server.port());
    test::transfer(socket, kBytes);
    test::close_actively(socket);
  }
  server.wait_for_closed(kConnections);
  CHECK(bytes_of(client) == Bytes{kConnections * kBytes, kConnections * kBytes, 0});
  CHECK(bytes_of(server_side) == Bytes{0, 0, kConnections * kBytes});
}

TEST_CASE("a FIN is not a byte, whoever sends it first", "[throughput]") {
  constexpr std::uint64_t kUp = 30'011;
  constexpr std::uint64_t kDown = 70'001;
  const NetworkPair pair;
  Measurement client = measure(pair.a());
  Measurement server_side = measure(pair.b());
  Server server(pair.b(), {.mode = ServerMode::kSource, .source_bytes = kDown});
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::transfer(socket, kUp);
  SECTION("the client closes its half and goes on reading") {
    test::half_close(socket);
    CHECK(test::receive_to_end(socket) == kDown);
  }
  SECTION("the server has closed its half and goes on reading") {
    CHECK(test::receive_to_end(socket) == kDown);
    test::transfer(socket, 0);
    test::half_close(socket);
  }
  server.wait_for_closed(1);
  wait_until_acked(socket);
  // In FIN_WAIT2 or TIME_WAIT's place, LAST_ACK or CLOSE, and then closed for good.
  CHECK(bytes_of(client) == Bytes{kUp, kUp, kDown});
  socket.close();
  CHECK(bytes_of(client) == Bytes{kUp, kUp, kDown});
  CHECK(bytes_of(server_side) == Bytes{kDown, kDown, kUp});
}

TEST_CASE("a reset takes nothing back", "[throughput]") {
  constexpr std::uint64_t kBytes = 50'021;
  const NetworkPair pair;
  Measurement client = measure(pair.a());
  Measurement server_side = measure(pair.b());
  Server server(pair.b());
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  test::transfer(socket, kBytes);
  server.wait_for_received(kBytes);
  wait_until_acked(socket);
  test::reset(socket);
  server.wait_for_closed(1);
  CHECK(bytes_of(client) == Bytes{kBytes, kBytes, 0});
  CHECK(bytes_of(server_side) == Bytes{0, 0, kBytes});
}

TEST_CASE("what the kernel did not take is not sent, what it took in part is", "[throughput]") {
  constexpr std::uint64_t kBytes = 20'000'003;
  const NetworkPair pair({.segmentation_offload = true});
  Measurement client = measure(pair.a());
  Measurement server_side = measure(pair.b());
  Server server(pair.b(), {.reading = false});
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kMapped, server.port());
  const Eager eager = send_without_waiting(socket, kBytes, [&] { server.start_reading(); });
  REQUIRE(eager.refused > 0);
  REQUIRE(eager.partial > 0);
  CHECK(eager.taken == kBytes);
  server.wait_for_received(kBytes);
  wait_until_acked(socket);
  CHECK(bytes_of(client).sent == kBytes);
  CHECK(bytes_of(client).acked == kBytes);
  test::wait_until([&] { return bytes_of(server_side).received >= kBytes; });
  CHECK(bytes_of(server_side).received == kBytes);
}

TEST_CASE("what was written and not yet sent is not counted", "[throughput]") {
  const NetworkPair pair;
  Measurement client = measure(pair.a());
  Server server(pair.b(), {.reading = false});
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
  const std::vector<char> chunk(65'537, 'z');
  std::uint64_t taken = 0;
  test::TcpInfo info;
  // Until the window is closed and all that was sent is acknowledged.
  test::wait_until([&] {
    const ssize_t sent = ::send(socket.get(), chunk.data(), chunk.size(), MSG_NOSIGNAL);
    taken += sent > 0 ? static_cast<std::uint64_t>(sent) : 0;
    info = test::tcp_info(socket);
    return sent < 0 && info.tcpi_unacked == 0 && info.tcpi_notsent_bytes > 0;
  });
  CHECK(bytes_of(client).sent == static_cast<double>(taken - info.tcpi_notsent_bytes));
}

TEST_CASE("what is in flight is sent and not acknowledged", "[throughput]") {
  constexpr std::uint64_t kArrived = 30'011;
  constexpr std::uint64_t kInFlight = 5003;  // less than the first window
  const bool older = GENERATE(false, true);
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family) << (older ? ", older" : ""));
    const NetworkPair pair;
    Server server(pair.b());
    test::Socket socket;
    const auto connect = [&] { socket = test::connect_to(pair.a(), pair.b(), family, server.port()); };
    if (older) {
      connect();
    }
    Measurement client = measure(pair.a());
    if (!older) {
      connect();
    }
    test::transfer(socket, kArrived);
    server.wait_for_received(kArrived);
    wait_until_acked(socket);
    test::Faults faults(pair.b());
    faults.blackhole(server.port());
    test::transfer(socket, kInFlight);
    CHECK(bytes_of(client) == Bytes{kArrived + kInFlight, kArrived, 0});
    test::reset(socket);
    CHECK(bytes_of(client) == Bytes{kArrived + kInFlight, kArrived, 0});
  }
}

TEST_CASE("losses are counted apart, and the rest is still exact", "[throughput]") {
  constexpr std::uint64_t kBytes = 3'000'017;
  const NetworkPair pair({.segmentation_offload = GENERATE(false, true)});
  Measurement client = measure(pair.a());
  Measurement server_side = measure(pair.b());
  Server server(pair.b());
  test::Faults faults(pair.b());
  faults.drop_every_nth(test::to_port(server.port()), 17);
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::transfer(socket, kBytes);
  test::half_close(socket);
  test::receive_to_end(socket);
  const test::TcpInfo info = test::tcp_info(socket);
  socket.close();
  REQUIRE(info.tcpi_bytes_retrans > 0);
  CHECK(bytes_of(client) == Bytes{kBytes, kBytes, 0});
  CHECK(client.value("tcpperf_resent_bytes_total") == static_cast<double>(info.tcpi_bytes_retrans));
  CHECK(bytes_of(server_side).received == kBytes);
}

TEST_CASE("what the host itself refuses to send is not sent", "[throughput]") {
  constexpr std::uint64_t kBytes = 300'007;
  const NetworkPair pair;
  Measurement client = measure(pair.a());
  Server server(pair.b());
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::in_namespace(pair.a(), [] {
    test::run({"nft", "add table inet refusing"});
    test::run({"nft", "add chain inet refusing output { type filter hook output priority 0 ; }"});
    test::run({"nft", "add rule inet refusing output meta l4proto tcp numgen inc mod 3 == 1 drop"});
  });
  test::transfer(socket, kBytes);
  test::half_close(socket);
  test::receive_to_end(socket);
  const test::TcpInfo info = test::tcp_info(socket);
  socket.close();
  REQUIRE(info.tcpi_bytes_sent - info.tcpi_bytes_retrans > kBytes);  // the kernel counts its attempts
  INFO(bytes_of(client));
  CHECK(bytes_of(client).sent == kBytes);
  CHECK(bytes_of(client).acked == kBytes);
}

TEST_CASE("what a connection carried before the measurement is not counted, what follows is", "[throughput]") {
  constexpr std::uint64_t kBefore = 40'009;
  constexpr std::uint64_t kRounds = 13;
  constexpr std::uint64_t kAfterBytes = 997;
  constexpr double kAfter = kRounds * kAfterBytes;
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Server server(pair.b(), {.mode = ServerMode::kEcho});
    test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
    test::request_response(socket, 1, kBefore);
    test::wait_until([&] { return test::tcp_info(socket).tcpi_unacked == 0; });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // longer than the delay of the client's last ACK
    Measurement client = measure(pair.a());
    Measurement server_side = measure(pair.b());
    CHECK(bytes_of(client) == Bytes{});
    CHECK(bytes_of(server_side) == Bytes{});
    test::request_response(socket, kRounds, kAfterBytes);
    test::close_actively(socket);
    server.wait_for_closed(1);
    CHECK(bytes_of(client) == Bytes{kAfter, kAfter, kAfter});
    test::wait_until([&] { return bytes_of(server_side).acked >= kAfter; });
    CHECK(bytes_of(server_side) == Bytes{kAfter, kAfter, kAfter});
  }
}

TEST_CASE("a socket that connects again counts its second connection from the beginning", "[throughput]") {
  constexpr std::array<std::uint64_t, 3> kLives = {70'001, 11, 30'011};
  const NetworkPair pair;
  Measurement client = measure(pair.a());
  Measurement server_side = measure(pair.b());
  Server server(pair.b());
  test::in_namespace(pair.a(), [&] {
    const test::Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const test::SocketAddress address = test::socket_address(Family::kIPv4, pair.b().v4, server.port());
    std::uint64_t total = 0;
    for (const std::uint64_t bytes : kLives) {
      if (::connect(socket.get(), address.get(), address.length) != 0) {
        throw std::runtime_error("connect");
      }
      test::transfer(socket, bytes);
      total += bytes;
      server.wait_for_received(total);
      wait_until_acked(socket);
      sockaddr nobody{};
      nobody.sa_family = AF_UNSPEC;
      if (::connect(socket.get(), &nobody, sizeof(nobody)) != 0) {
        throw std::runtime_error("disconnect");
      }
    }
  });
  server.wait_for_closed(kLives.size());
  constexpr double kTotal = kLives[0] + kLives[1] + kLives[2];
  CHECK(bytes_of(client) == Bytes{kTotal, kTotal, 0});
  CHECK(bytes_of(server_side) == Bytes{0, 0, kTotal});
}

TEST_CASE("looking in the middle of transfers never goes back and changes nothing in the end", "[throughput]") {
  constexpr int kConnections = 307;
  constexpr std::uint64_t kBytes = 60'013;
  const NetworkPair pair({.segmentation_offload = true});
  Measurement both({"throughput"}, test::only_pair());
  Server server(pair.b());
  std::atomic<bool> done = false;
  std::thread traffic([&] {
    for (int i = 0; i < kConnections; ++i) {
      test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
      test::transfer(socket, kBytes);
      test::close_actively(socket);
    }
    done = true;
  });
  Bytes before;
  int looks = 0;
  bool went_back = false;
  while (!done) {
    const Bytes now = bytes_of(both);
    went_back = went_back || now.sent < before.sent || now.acked < before.acked || now.received < before.received;
    before = now;
    ++looks;
  }
  traffic.join();
  server.wait_for_closed(kConnections);
  INFO(looks << " looks");
  CHECK_FALSE(went_back);
  CHECK(bytes_of(both) == Bytes{kConnections * kBytes, kConnections * kBytes, kConnections * kBytes});
}

// handshake on real traffic: every outcome of a connect, counted exactly and with the latency it really had.
#include <cerrno>
#include <stdexcept>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "catch.h"
#include "measurement.h"
#include "support/faults.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/snmp.h"
#include "support/socket_address.h"
#include "support/traffic.h"

namespace {

namespace test = tcpperf::test;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;

constexpr int kConnections = 23;
constexpr std::uint16_t kClosedPort = 4999;

double failures(Measurement& measurement, const char* reason) {
  return measurement.value("tcpperf_connect_failures_total", {reason});
}

// A blocking connect that gives up after one retransmission; its errno.
int connect_patiently(const NetworkPair& pair, Family family, std::uint16_t port) {
  return test::in_namespace(pair.a(), [&] {
    const test::SocketAddress address = test::socket_address(family, pair.b().address(family), port);
    const test::Socket socket(::socket(address.domain(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int syn_retries = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_SYNCNT, &syn_retries, sizeof(syn_retries));
    return ::connect(socket.get(), address.get(), address.length) == 0 ? 0 : errno;
  });
}

}  // namespace

TEST_CASE("a prime number of connections is counted exactly on both sides, on all families", "[handshake]") {
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Measurement measurement({"handshake"});
    Server server(pair.b());
    for (int i = 0; i < kConnections; ++i) {
      test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
      test::close_actively(socket);
    }
    server.wait_for_closed(kConnections);
    for (const char* role : {"client", "server"}) {
      INFO(role);
      CHECK(measurement.value("tcpperf_connects_total", {role}) == kConnections);
      const auto latency = measurement.histogram("tcpperf_handshake_seconds", {role});
      CHECK(latency.count() == kConnections);
      CHECK(latency.sum > 0);
      CHECK(latency.sum < 1);
    }
    CHECK(measurement.total("tcpperf_connect_failures_total") == 0);
  }
}

TEST_CASE("a refused connect is a failure and not a latency", "[handshake]") {
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Measurement measurement({"handshake"});
    for (int i = 0; i < kConnections; ++i) {
      CHECK(test::connect(pair.a(), family, pair.b().address(family), kClosedPort).error == ECONNREFUSED);
    }
    CHECK(failures(measurement, "refused") == kConnections);
    CHECK(measurement.total("tcpperf_connect_failures_total") == kConnections);
    CHECK(measurement.total("tcpperf_connects_total") == 0);
    CHECK(measurement.histogram("tcpperf_handshake_seconds", {"client"}).count() == 0);
  }
}

TEST_CASE("a black hole is a timeout, an ICMP error is unreachable, giving up is other", "[handshake]") {
  const NetworkPair pair;
  Measurement measurement({"handshake"});
  test::Faults faults(pair.b());

  faults.blackhole(4001);
  CHECK(connect_patiently(pair, Family::kIPv4, 4001) == ETIMEDOUT);
  INFO(measurement.nonzero());
  CHECK(failures(measurement, "timeout") == 1);

  const test::ConnectResult abandoned =
      test::connect(pair.a(), Family::kIPv4, pair.b().v4, 4001, std::chrono::milliseconds(50));
  CHECK(abandoned.error == ETIMEDOUT);  // by the application's clock, long before the kernel's
  CHECK(failures(measurement, "other") == 1);

  // Blocking, because on a veth the ICMP error arrives inside the connect call, where it is a soft error only: an
  // application that reads it there and closes the socket has given up by itself.
  faults.reject_unreachable(4002);
  for (const Family family : test::kAllFamilies) {
    CHECK(connect_patiently(pair, family, 4002) == EHOSTUNREACH);
  }
  CHECK(failures(measurement, "unreachable") == 3);
  INFO(measurement.nonzero());
  CHECK(measurement.total("tcpperf_connect_failures_total") == 5);
}

TEST_CASE("a SYN lost once is a handshake of more than one second", "[handshake]") {
  const NetworkPair pair;
  Measurement measurement({"handshake", "retransmit"});
  Server server(pair.b());
  test::Faults faults(pair.b());
  faults.drop_first_syn(server.port(), 1);
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  const auto latency = measurement.histogram("tcpperf_handshake_seconds", {"client"});
  CHECK(latency.count() == 1);
  CHECK(latency.sum > 1.0);
  CHECK(latency.sum < 1.5);
  CHECK(measurement.value("tcpperf_retransmitted_segments_total", {"syn"}) == 1);
}

TEST_CASE("a SYN-ACK lost once is a passive handshake of more than one second", "[handshake]") {
  const NetworkPair pair;
  Measurement measurement({"handshake", "retransmit"}, test::only_side(pair.b().v4, pair.b().v6));
  Server server(pair.b());
  test::Faults faults(pair.a());
  faults.drop_first_synack(server.port(), 2);
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  server.wait_for_accepted(1);
  const auto latency = measurement.histogram("tcpperf_handshake_seconds", {"server"});
  INFO(measurement.nonzero());
  CHECK(measurement.value("tcpperf_connects_total", {"server"}) == 1);
  CHECK(latency.count() == 1);
  CHECK(latency.sum > 1.0);
  CHECK(latency.sum < 8.0);
}

TEST_CASE("filters decide which connects are measured, also those that fail", "[handshake][filter]") {
  const NetworkPair pair;
  Server server(pair.b());
  Server other(pair.b());
  const auto two_networks = test::only_pair();

  SECTION("by remote port") {
    auto filter = two_networks;
    filter.remote_port = {{server.port(), server.port()}};
    Measurement measurement({"handshake"}, filter);
    const test::Socket first = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    const test::Socket second = test::connect_to(pair.a(), pair.b(), Family::kMapped, other.port());
    CHECK(measurement.value("tcpperf_connects_total", {"client"}) == 1);
    CHECK(measurement.value("tcpperf_connects_total", {"server"}) == 0);
  }
  SECTION("by local port, which a client does not have before its first SYN") {
    auto filter = two_networks;
    filter.local_port = {{1, server.port()}, {server.port(), 65535}};
    Measurement measurement({"handshake", "state"}, filter);
    const test::Socket first = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    CHECK(test::connect(pair.a(), Family::kIPv4, pair.b().v4, kClosedPort).error == ECONNREFUSED);
    CHECK(measurement.value("tcpperf_connects_total", {"client"}) == 1);
    CHECK(measurement.value("tcpperf_connects_total", {"server"}) == 1);
    CHECK(measurement.value("tcpperf_connect_failures_total", {"refused"}) == 1);
    CHECK(measurement.value("tcpperf_state_transitions_total", {"close", "syn_sent"}) == 2);
  }
  SECTION("by a local port that nobody has") {
    auto filter = two_networks;
    filter.local_port = {{1, 1}};
    Measurement measurement({"handshake", "state"}, filter);
    const test::Socket first = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    CHECK(measurement.nonzero().empty());
  }
  SECTION("by remote network, longest prefix or not") {
    auto filter = two_networks;
    filter.remote_ip = {*tcpperf::core::parse_cidr("10.77.0.2")};
    Measurement measurement({"handshake"}, filter);
    const test::Socket v4 = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    const test::Socket mapped = test::connect_to(pair.a(), pair.b(), Family::kMapped, server.port());
    const test::Socket v6 = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
    CHECK(measurement.value("tcpperf_connects_total", {"client"}) == 2);
    CHECK(measurement.value("tcpperf_connects_total", {"server"}) == 0);
  }
}

TEST_CASE("a handshake by SYN cookie is a connection without a known duration", "[handshake]") {
  const NetworkPair pair;
  test::write_setting(pair.b(), "net/ipv4/tcp_syncookies", "2");  // always
  Measurement measurement({"handshake"}, test::only_side(pair.b().v4, pair.b().v6));
  Server server(pair.b());
  const test::SnmpCounters before = test::read_snmp(pair.b());
  for (int i = 0; i < kConnections; ++i) {
    test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    test::close_actively(socket);
  }
  server.wait_for_closed(kConnections);
  const test::SnmpCounters kernel = test::delta(test::read_snmp(pair.b()), before);
  INFO(measurement.nonzero());
  CHECK(kernel.at("TcpExt.SyncookiesRecv") == kConnections);
  CHECK(measurement.value("tcpperf_connects_total", {"server"}) == kConnections);
  CHECK(measurement.histogram("tcpperf_handshake_seconds", {"server"}).count() == 0);
}

TEST_CASE("a socket that connects again is measured anew and filtered anew", "[handshake][filter]") {
  const NetworkPair pair;
  Server listed(pair.b());
  Server other(pair.b());
  auto filter = test::only_pair();
  filter.remote_port = {{listed.port(), listed.port()}};
  Measurement measurement({"handshake", "retransmit"}, filter);
  const auto connect_twice = [&](std::uint16_t first, std::uint16_t second) {
    test::in_namespace(pair.a(), [&] {
      const test::Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      for (const std::uint16_t port : {first, second}) {
        const test::SocketAddress address = test::socket_address(Family::kIPv4, pair.b().v4, port);
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
  };
  for (int i = 0; i < 3; ++i) {
    connect_twice(other.port(), listed.port());
    connect_twice(listed.port(), other.port());
    connect_twice(listed.port(), listed.port());
  }
  INFO(measurement.nonzero());
  CHECK(measurement.value("tcpperf_connects_total", {"client"}) == 12);
  // One segment each. The kernel's count begins again with every connection; ours must not go round.
  CHECK(measurement.value("tcpperf_sent_segments_total") == 12);
}

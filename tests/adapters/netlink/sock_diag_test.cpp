// Socket counts of the running kernel, in a namespace where every socket is the test's own.
#include "adapters/netlink/sock_diag.h"

#include <cerrno>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "adapters/netlink/fresh_namespace.h"
#include "catch.h"

namespace {

using tcpperf::adapters::count_tcp_states;
using tcpperf::adapters::SockDiag;
using tcpperf::adapters::TcpStateCounts;
using tcpperf::core::Result;
namespace test = tcpperf::test;

constexpr std::size_t kEstablished = 1;
constexpr std::size_t kSynRecv = 3;
constexpr std::size_t kFinWait2 = 5;
constexpr std::size_t kTimeWait = 6;
constexpr std::size_t kCloseWait = 8;
constexpr std::size_t kListen = 10;

TcpStateCounts counts_of(std::initializer_list<std::pair<std::size_t, std::uint64_t>> expected) {
  TcpStateCounts counts{};
  for (const auto& [state, count] : expected) {
    counts[state] = count;
  }
  return counts;
}

TcpStateCounts counted() {
  const Result<TcpStateCounts> counts = count_tcp_states();
  if (!counts) {
    throw std::runtime_error(counts.error().message);
  }
  return *counts;
}

// Counts until the state has a socket: an ACK may be delayed, and with it the change of state.
TcpStateCounts counted_with(std::size_t state) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  TcpStateCounts counts = counted();
  while (counts[state] == 0 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
    counts = counted();
  }
  return counts;
}

}  // namespace

TEST_CASE("the listener of this test is among the sockets of this host", "[netlink]") {
  const test::TcpSocket listener = test::listening_socket(AF_INET);
  const auto counts = count_tcp_states();
  REQUIRE(counts);
  CHECK((*counts)[kListen] >= 1);
}

TEST_CASE("a fresh namespace has no sockets, 7 listeners and 3 connections are counted exactly", "[netlink]") {
  TcpStateCounts empty{1};
  TcpStateCounts listening{};
  TcpStateCounts connected{};
  TcpStateCounts with_mapped{};
  if (!test::in_fresh_namespace([&] {
        empty = counted();
        std::vector<test::TcpSocket> sockets;
        sockets.reserve(12);
        for (int i = 0; i < 7; ++i) {
          sockets.push_back(test::listening_socket(i % 2 == 0 ? AF_INET : AF_INET6));
        }
        listening = counted();
        // Each connection is two sockets here, accepted or not.
        sockets.push_back(test::connected_socket(AF_INET, sockets[0]));
        sockets.push_back(test::accepted_socket(sockets[0]));
        sockets.push_back(test::connected_socket(AF_INET6, sockets[1]));
        sockets.push_back(test::accepted_socket(sockets[1]));
        connected = counted();
        sockets.push_back(test::connected_socket(AF_INET6, sockets[3], true));
        with_mapped = counted();
      })) {
    return;
  }
  CHECK(empty == TcpStateCounts{});
  CHECK(listening == counts_of({{kListen, 7}}));
  CHECK(connected == counts_of({{kListen, 7}, {kEstablished, 4}}));
  CHECK(with_mapped == counts_of({{kListen, 7}, {kEstablished, 6}}));
}

TEST_CASE("an active close leaves a TIME_WAIT", "[netlink]") {
  TcpStateCounts half_closed{};
  TcpStateCounts closed{};
  if (!test::in_fresh_namespace([&] {
        const test::TcpSocket listener = test::listening_socket(AF_INET);
        test::TcpSocket client = test::connected_socket(AF_INET, listener);
        test::TcpSocket server = test::accepted_socket(listener);
        client.close();
        half_closed = counted_with(kFinWait2);
        server.close();
        closed = counted_with(kTimeWait);
      })) {
    return;
  }
  CHECK(half_closed == counts_of({{kListen, 1}, {kFinWait2, 1}, {kCloseWait, 1}}));
  CHECK(closed == counts_of({{kListen, 1}, {kTimeWait, 1}}));
}

TEST_CASE("a connection request is reported as SYN_RECV", "[netlink]") {
  TcpStateCounts waiting{};
  if (!test::in_fresh_namespace([&] {
        const test::TcpSocket listener = test::listening_socket(AF_INET);
        const int seconds = 10;
        // The kernel keeps the request until data arrives.
        test::require(::setsockopt(listener.fd(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds) == 0,
                      "TCP_DEFER_ACCEPT");
        const test::TcpSocket client = test::connected_socket(AF_INET, listener);
        waiting = counted();
      })) {
    return;
  }
  CHECK(waiting == counts_of({{kListen, 1}, {kEstablished, 1}, {kSynRecv, 1}}));
}

TEST_CASE("a socket that is only bound is not counted", "[netlink]") {
  TcpStateCounts counts{1};
  if (test::in_fresh_namespace([&] {
        const test::TcpSocket idle(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const test::TcpSocket bound = test::bound_socket(AF_INET);
        counts = counted();
      })) {
    CHECK(counts == TcpStateCounts{});
  }
}

TEST_CASE("more sockets than one datagram holds are all counted", "[netlink]") {
  TcpStateCounts counts{};
  if (test::in_fresh_namespace([&] {
        const test::TcpSocket listener = test::listening_socket(AF_INET6, 1000);
        std::vector<test::TcpSocket> clients;
        clients.reserve(700);
        for (int i = 0; i < 700; ++i) {
          clients.push_back(test::connected_socket(i % 2 == 0 ? AF_INET : AF_INET6, listener));
        }
        counts = counted();
      })) {
    // The server's ends wait in the accept queue: sockets, too.
    CHECK(counts == counts_of({{kListen, 1}, {kEstablished, 1400}}));
  }
}

TEST_CASE("one netlink socket serves many counts and stays with its namespace", "[netlink]") {
  TcpStateCounts first{};
  TcpStateCounts second{};
  std::optional<SockDiag> kept;
  if (!test::in_fresh_namespace([&] {
        auto opened = SockDiag::open();
        if (!opened) {
          throw std::runtime_error(opened.error().message);
        }
        SockDiag diag = std::move(*opened);
        const test::TcpSocket listener = test::listening_socket(AF_INET);
        const auto before = diag.count_tcp_states();
        const test::TcpSocket another = test::listening_socket(AF_INET6);
        const auto after = diag.count_tcp_states();
        test::require(before && after, "count");
        first = *before;
        second = *after;
        kept = std::move(diag);
      })) {
    return;
  }
  CHECK(first == counts_of({{kListen, 1}}));
  CHECK(second == counts_of({{kListen, 2}}));
  const test::TcpSocket listener_outside = test::listening_socket(AF_INET);
  const auto outside = kept->count_tcp_states();
  REQUIRE(outside);
  CHECK(*outside == TcpStateCounts{});
}

TEST_CASE("a count without patience is an error and the next one is whole again", "[netlink]") {
  int first_errno = 0;
  TcpStateCounts next{};
  if (!test::in_fresh_namespace([&] {
        const test::TcpSocket listener = test::listening_socket(AF_INET, 1000);
        std::vector<test::TcpSocket> clients;
        clients.reserve(700);
        for (int i = 0; i < 700; ++i) {
          clients.push_back(test::connected_socket(AF_INET, listener));
        }
        auto diag = SockDiag::open();
        test::require(diag.has_value(), "open");
        // The kernel has begun to answer, and most of its answer is still to come.
        const auto first = diag->count_tcp_states(std::chrono::milliseconds(0));
        first_errno = first ? 0 : first.error().system_errno;
        const auto second = diag->count_tcp_states();
        test::require(second.has_value(), "count again");
        next = *second;
      })) {
    return;
  }
  CHECK(first_errno == ETIMEDOUT);
  CHECK(next == counts_of({{kListen, 1}, {kEstablished, 1400}}));
}

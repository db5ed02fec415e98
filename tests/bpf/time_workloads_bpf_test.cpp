// time on workloads that differ only in what holds them up: each is known by its shares.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "catch.h"
#include "measurement.h"
#include "support/command.h"
#include "support/emulated_path.h"
#include "support/network_pair.h"
#include "support/socket_address.h"
#include "support/traffic.h"

namespace {

namespace core = tcpperf::core;
namespace test = tcpperf::test;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using test::EmulatedPath;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Socket;

constexpr std::array kLimits = {"idle",         "app_limited",    "cwnd_limited",   "loss_recovery", "rto",
                                "rwnd_limited", "reader_limited", "sndbuf_limited", "pacing",        "other"};
constexpr auto kDuration = 2500ms;
constexpr int kTiny = 64;
// Nothing else in the namespace listens; sockets that earlier tests left behind have other ports.
constexpr std::uint16_t kPort = 47017;

// One way; the other has the delay alone. All workloads have this path but for what their name says.
constexpr test::DirectionOptions kUsual{.delay = 10ms, .bits_per_second = 40'000'000, .queue_bytes = 100'000};

void check(int result, const char* what) {
  if (result != 0) {
    throw std::runtime_error(what);
  }
}

void set(const Socket& socket, int level, int option, int value) {
  check(::setsockopt(socket.get(), level, option, &value, sizeof value), "setsockopt");
}

struct SocketOptions {
  int send_buffer = 0;     // of the client; 0: the kernel's own choice
  int receive_buffer = 0;  // of the server
  const char* congestion_control = "cubic";
  bool no_delay = true;  // no Nagle
};

// Both ends of one connection.
struct Ends {
  Socket client;
  Socket server;
};

Ends connect(const NetworkPair& pair, const SocketOptions& options) {
  Socket listener = test::in_namespace(pair.b(), [&] {
    Socket made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (options.receive_buffer != 0) {
      set(made, SOL_SOCKET, SO_RCVBUF, options.receive_buffer);
    }
    const test::SocketAddress address = test::socket_address(Family::kIPv4, pair.b().v4, kPort);
    check(::bind(made.get(), address.get(), address.length), "bind");
    check(::listen(made.get(), 1), "listen");
    return made;
  });
  Ends ends;
  ends.client = test::in_namespace(pair.a(), [&] {
    Socket made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (options.send_buffer != 0) {
      set(made, SOL_SOCKET, SO_SNDBUF, options.send_buffer);
    }
    set(made, IPPROTO_TCP, TCP_NODELAY, options.no_delay ? 1 : 0);
    // Before it connects: a connection that began with BBR is still paced with another.
    check(::setsockopt(made.get(), IPPROTO_TCP, TCP_CONGESTION, options.congestion_control,
                       static_cast<socklen_t>(std::strlen(options.congestion_control))),
          "TCP_CONGESTION");
    const test::SocketAddress address = test::socket_address(Family::kIPv4, pair.b().v4, kPort);
    check(::connect(made.get(), address.get(), address.length), "connect");
    return made;
  });
  ends.server = Socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return ends;
}

// Runs until the connection is shut down under it.
void read_all(const Socket& socket, std::size_t chunk_bytes, std::chrono::milliseconds pause) {
  std::vector<char> buffer(chunk_bytes);
  while (::recv(socket.get(), buffer.data(), buffer.size(), 0) > 0) {
    std::this_thread::sleep_for(pause);
  }
}

void write_all(const Socket& socket, std::size_t chunk_bytes, std::chrono::milliseconds pause) {
  const std::vector<char> buffer(chunk_bytes, 'x');
  while (::send(socket.get(), buffer.data(), buffer.size(), MSG_NOSIGNAL) > 0) {
    std::this_thread::sleep_for(pause);
  }
}

void read_fast(const Socket& socket) {
  read_all(socket, 1 << 20, 0ms);
}
void read_slowly(const Socket& socket) {
  read_all(socket, 4096, 50ms);
}
void write_fast(const Socket& socket) {
  write_all(socket, 1 << 16, 0ms);
}
void write_slowly(const Socket& socket) {
  write_all(socket, 1000, 50ms);
}
void echo(const Socket& socket) {
  std::array<char, kTiny> buffer{};
  while (::recv(socket.get(), buffer.data(), buffer.size(), MSG_WAITALL) == kTiny &&
         ::send(socket.get(), buffer.data(), buffer.size(), MSG_NOSIGNAL) == kTiny) {
  }
}
void ask(const Socket& socket, int writes) {
  std::array<char, kTiny> buffer{};
  const std::size_t part = buffer.size() / static_cast<std::size_t>(writes);
  do {
    for (int i = 0; i < writes; ++i) {
      ::send(socket.get(), buffer.data(), part, MSG_NOSIGNAL);
    }
  } while (::recv(socket.get(), buffer.data(), buffer.size(), MSG_WAITALL) == kTiny);
}
void ask_in_one_write(const Socket& socket) {
  ask(socket, 1);
}
void ask_in_two_writes(const Socket& socket) {
  ask(socket, 2);
}
void do_nothing(const Socket& socket) {
  read_fast(socket);
}

// Ends the waits of both threads, and lets close() send a RST: nothing of this connection is left for the next.
struct Ending {
  const Ends& ends;
  ~Ending() {
    for (const Socket* socket : {&ends.client, &ends.server}) {
      const linger at_once{1, 0};
      ::setsockopt(socket->get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      ::shutdown(socket->get(), SHUT_RDWR);
    }
  }
};

struct Workload {
  const char* name;
  const char* signature;  // see signature_of()
  void (*client)(const Socket&) = write_fast;
  void (*server)(const Socket&) = read_fast;
  SocketOptions socket{};
  test::DirectionOptions to_server = kUsual;
  test::DirectionOptions to_client{.delay = kUsual.delay};
  const char* own_qdisc = "";          // of the client's host
  std::chrono::milliseconds black{0};  // for so long, from half a second on
};

test::DirectionOptions usual_but(const std::function<void(test::DirectionOptions&)>& change) {
  test::DirectionOptions options = kUsual;
  change(options);
  return options;
}

std::vector<Workload> workloads() {
  const auto lossy = usual_but([](auto& o) { o.drop_every_nth = 29; });
  const auto thin = usual_but([](auto& o) { o.bits_per_second = 4'000'000, o.queue_bytes = 1'000'000; });
  // Room for what slow start sends too much, or it would be a lossy path too.
  const auto distant = usual_but([](auto& o) { o.delay = 200ms, o.queue_bytes = 4'000'000; });
  return {
      {.name = "idle", .signature = "idle", .client = do_nothing},
      {.name = "slow writer", .signature = "writer", .client = write_slowly},
      {.name = "tiny request, response", .signature = "round trips", .client = ask_in_one_write, .server = echo},
      {.name = "tiny request in 2 writes",
       .signature = "Nagle",
       .client = ask_in_two_writes,
       .server = echo,
       .socket = {.no_delay = false}},
      {.name = "slow reader", .signature = "reader", .server = read_slowly},
      {.name = "small receive buffer", .signature = "receive buffer", .socket = {.receive_buffer = 16'384}},
      {.name = "small send buffer", .signature = "send buffer", .socket = {.send_buffer = 8192}},
      {.name = "lossy path", .signature = "loss", .to_server = lossy},
      {.name = "path black for a second", .signature = "outage", .black = 1000ms},
      {.name = "long path", .signature = "distance", .to_server = distant, .to_client = {.delay = 200ms}},
      {.name = "thin path, deep queue", .signature = "departure", .own_qdisc = "tbf rate 4mbit burst 4kb limit 1mb"},
      // To a sender the same as distance: told apart by the round trip alone.
      {.name = "the same, at a router", .signature = "queue", .to_server = thin},
      // The same wait, for the rate that BBR takes the path to have.
      {.name = "deep queue, BBR",
       .signature = "departure",
       .socket = {.congestion_control = "bbr"},
       .to_server = usual_but([](auto& o) { o.queue_bytes = 1'000'000; })},
  };
}

struct Shares {
  std::map<std::string, double> of;  // by limit, of all time
  double rtt_ratio = 0;              // median to almost the least: how long the queue is
};

Shares run(const Workload& workload, Measurement& measurement) {
  const NetworkPair pair;
  EmulatedPath path(pair, workload.to_server, workload.to_client);
  if (*workload.own_qdisc != '\0') {
    std::string command = "tc -n " + pair.a().name + " qdisc add dev " + pair.a().interface + " root ";
    test::run({"sh", "-c", command + workload.own_qdisc});
  }
  Shares shares;
  std::map<std::string, double> before;
  for (const char* limit : kLimits) {
    before[limit] = measurement.value("tcpperf_connection_time_seconds_total", {limit});
  }
  const core::Histogram rtt_before = measurement.histogram("tcpperf_rtt_seconds", {"rx"});
  {
    const Ends ends = connect(pair, workload.socket);
    const std::jthread server([&] { workload.server(ends.server); });
    const std::jthread client([&] { workload.client(ends.client); });
    const Ending ending{ends};
    if (workload.black > 0ms) {
      std::this_thread::sleep_for(500ms);
      path.set_black(true);
      std::this_thread::sleep_for(workload.black);
      path.set_black(false);
      std::this_thread::sleep_for(kDuration - 500ms - workload.black);
    } else {
      std::this_thread::sleep_for(kDuration);
    }
    for (const char* limit : kLimits) {
      shares.of[limit] = measurement.value("tcpperf_connection_time_seconds_total", {limit}) - before[limit];
    }
    const core::Histogram rtt = core::delta(measurement.histogram("tcpperf_rtt_seconds", {"rx"}), rtt_before);
    shares.rtt_ratio = core::quantile(rtt, 0.5).value_or(0) / core::quantile(rtt, 0.02).value_or(1);
  }
  double all = 0;
  for (const auto& [limit, seconds] : shares.of) {
    all += seconds;
  }
  for (auto& [limit, seconds] : shares.of) {
    seconds /= all;
  }
  return shares;
}

// What holds a connection up, by the shares of its time alone; but a queue and a distance are the same to a sender, and
// only the round-trip times tell them apart. Losses make the congestion window small and are few: a tenth is enough.
std::string signature_of(const Shares& shares) {
  const double busy = 1 - shares.of.at("idle");
  if (busy < 0.05) {
    return "idle";
  }
  if (shares.of.at("loss_recovery") > 0.1 * busy) {
    return "loss";
  }
  const std::string longest = *std::max_element(kLimits.begin() + 1, kLimits.end(), [&](const char* a, const char* b) {
    return shares.of.at(a) < shares.of.at(b);
  });
  if (longest == "app_limited") {
    return busy < 0.8 ? "writer" : "round trips";
  }
  if (longest == "cwnd_limited") {
    return shares.rtt_ratio > 2 ? "queue" : "distance";
  }
  const std::map<std::string, std::string> others = {
      {"rto", "outage"},       {"rwnd_limited", "receive buffer"}, {"reader_limited", "reader"},
      {"pacing", "departure"}, {"sndbuf_limited", "send buffer"},  {"other", "Nagle"},
  };
  return others.at(longest);
}

}  // namespace

TEST_CASE("each workload is known by where its time goes", "[time][workloads]") {
  tcpperf::adapters::bpf::FilterTables filter = test::only_side("10.77.0.1", "fd77::1");
  filter.remote_port = {{kPort, kPort}};
  Measurement measurement({"time", "rtt"}, filter);
  std::printf("%-25s", "share of time, %");
  for (const char* limit : kLimits) {
    std::printf(" %14s", limit);
  }
  std::printf(" %10s\n", "RTT ratio");
  for (const Workload& workload : workloads()) {
    const Shares shares = run(workload, measurement);
    std::printf("%-25s", workload.name);
    for (const char* limit : kLimits) {
      std::printf(" %14.1f", shares.of.at(limit) * 100);
    }
    std::printf(" %10.1f\n", shares.rtt_ratio);
    INFO(workload.name);
    CHECK(signature_of(shares) == workload.signature);
  }
}

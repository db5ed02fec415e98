// listener on real traffic: every queue as long as the kernel says, in the group of its listener.
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "abi/histogram.h"
#include "catch.h"
#include "measurement.h"
#include "support/command.h"
#include "support/listener.h"
#include "support/network_pair.h"
#include "support/snmp.h"
#include "support/socket_address.h"
#include "support/traffic.h"
#include "support/wait.h"

namespace {

namespace core = tcpperf::core;
namespace test = tcpperf::test;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using core::Dimension;
using test::Family;
using test::kBacklog;
using test::Listener;
using test::Measurement;
using test::NetworkPair;
using Values = std::map<std::vector<std::string>, double>;

constexpr std::string_view kQueued = "tcpperf_listener_accept_queue_connections";
constexpr std::string_view kLimit = "tcpperf_listener_accept_queue_limit_connections";
constexpr std::string_view kHighest = "tcpperf_listener_accept_queue_highest_connections";
constexpr std::string_view kUsed = "tcpperf_listener_accept_queue_used_ratio";
constexpr std::string_view kDrops = "tcpperf_listener_drops_total";
constexpr std::string_view kWait = "tcpperf_listener_accept_wait_seconds";
constexpr std::string_view kOldest = "tcpperf_listener_oldest_wait_seconds";

// Everything in the pair, and listeners on all addresses.
tcpperf::adapters::bpf::FilterTables listeners_too() {
  tcpperf::adapters::bpf::FilterTables filter = test::only_pair();
  for (const char* const any : {"0.0.0.0", "::"}) {
    filter.local_ip.push_back(*core::parse_cidr(any));
  }
  filter.local_port.push_back({test::kFirstListenerPort, test::kLastListenerPort});
  return filter;
}

std::vector<test::Socket> connect_many(const NetworkPair& pair, const Listener& listener, int count,
                                       Family family = Family::kIPv4) {
  std::vector<test::Socket> sockets;
  sockets.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    sockets.push_back(test::connect_to(pair.a(), pair.b(), family, listener.port()));
  }
  return sockets;
}

// Sends a SYN, and more of them later, that nobody answers.
test::Socket connect_in_vain(const NetworkPair& pair, const Listener& listener) {
  return test::in_namespace(pair.a(), [&] {
    const test::SocketAddress to = test::socket_address(Family::kIPv4, pair.b().v4, listener.port());
    test::Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    static_cast<void>(::connect(socket.get(), to.get(), to.length));
    return socket;
  });
}

struct Queue {
  double queued = 0;
  double limit = 0;
  bool operator==(const Queue&) const = default;
};

// What `ss` says of a listener.
Queue queue_of(const NetworkPair& pair, const Listener& listener) {
  const std::string line = test::in_namespace(pair.b(), [&] {
    return test::run({"ss", "-ltnH", "sport", "=", ":" + listener.port_text()});
  });
  Queue queue;
  if (std::sscanf(line.c_str(), "LISTEN %lf %lf", &queue.queued, &queue.limit) != 2) {
    throw std::runtime_error("ss: " + line);
  }
  return queue;
}

Queue measured(Measurement& measurement) {
  return {measurement.value(kQueued), measurement.value(kLimit)};
}

// A connection is in the queue a moment after its client knows it.
void wait_until_queued(Measurement& measurement, double connections) {
  test::wait_until([&] { return measurement.value(kQueued) == connections; });
}

core::GroupPlan by(const core::GroupBy& dimensions, std::uint32_t capacity = 8) {
  return test::group_by({"listener"}, dimensions, capacity);
}

}  // namespace

TEST_CASE("the accept queue's length, limit, highest and drops are the kernel's own", "[listener]") {
  const NetworkPair pair;
  Measurement measurement({"listener"}, listeners_too());
  const Listener listener(pair.b());
  const test::SnmpCounters before = test::read_snmp(pair.b());

  const std::vector<test::Socket> five = connect_many(pair, listener, 5);
  wait_until_queued(measurement, 5);
  CHECK(measured(measurement) == Queue{5, kBacklog});
  CHECK(measured(measurement) == queue_of(pair, listener));
  CHECK(measurement.value(kHighest) == 5);
  CHECK(measurement.value(kUsed) == Approx(5.0 / (kBacklog + 1)));
  CHECK(measurement.value(kDrops) == 0);
  CHECK(measurement.value("tcpperf_listener_sockets") == 1);

  // One more than the limit fits.
  const std::vector<test::Socket> three = connect_many(pair, listener, 3);
  wait_until_queued(measurement, kBacklog + 1);
  std::vector<test::Socket> refused;
  refused.reserve(8);
  for (int i = 0; i < 8; ++i) {
    refused.push_back(connect_in_vain(pair, listener));
  }
  test::wait_until([&] { return measurement.value(kDrops) >= 8; });
  CHECK(measured(measurement) == Queue{kBacklog + 1, kBacklog});
  CHECK(measured(measurement) == queue_of(pair, listener));
  CHECK(measurement.value(kUsed) == 1);
  CHECK(measurement.value(kHighest) == kBacklog + 1);

  // Their SYNs are sent again: what is compared must stand still.
  refused.clear();
  const double drops = measurement.value(kDrops);
  const test::SnmpCounters gained = test::delta(test::read_snmp(pair.b()), before);
  INFO(measurement.nonzero());
  CHECK(drops == static_cast<double>(gained.at("TcpExt.ListenOverflows")));
  CHECK(drops == static_cast<double>(gained.at("TcpExt.ListenDrops")));

  // The mark stays when the queue is empty.
  for (int i = 0; i < kBacklog + 1; ++i) {
    listener.accept_and_close();
  }
  CHECK(measured(measurement) == Queue{0, kBacklog});
  CHECK(measurement.value(kHighest) == kBacklog + 1);
  CHECK(measurement.value(kUsed) == 0);
}

TEST_CASE("a queue that was emptied before anybody sampled it has left its mark", "[listener]") {
  constexpr int kConnections = 6;
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Measurement measurement({"listener"}, listeners_too());
    const Listener listener(pair.b(), family == Family::kIPv4 ? Family::kIPv4 : Family::kMapped);
    const std::vector<test::Socket> clients = connect_many(pair, listener, kConnections, family);
    for (int i = 0; i < kConnections; ++i) {
      listener.accept_and_close();
    }
    CHECK(measured(measurement) == Queue{0, kBacklog});
    CHECK(measurement.value(kHighest) == kConnections);
  }
}

TEST_CASE("a listener's drops count from the measurement's start, and to the listener's end", "[listener]") {
  const NetworkPair pair;
  Listener listener(pair.b(), Family::kIPv4, 0);
  const std::vector<test::Socket> full = connect_many(pair, listener, 1);
  const auto overflows = [&] { return test::read_snmp(pair.b()).at("TcpExt.ListenDrops"); };
  const std::uint64_t at_first = overflows();
  {
    const test::Socket refused = connect_in_vain(pair, listener);
    test::wait_until([&] { return overflows() > at_first; });
  }
  Measurement measurement({"listener"}, listeners_too());
  const std::uint64_t before = overflows();
  CHECK(measurement.value(kDrops) == 0);
  for (int i = 0; i < 3; ++i) {
    const test::Socket refused = connect_in_vain(pair, listener);
    test::wait_until([&] { return overflows() > before + static_cast<std::uint64_t>(i); });
  }
  listener.close();  // not sampled since
  CHECK(measurement.value(kDrops) == static_cast<double>(overflows() - before));
  CHECK(measurement.value("tcpperf_listener_sockets") == 0);
}

TEST_CASE("what the listener drops late counts as a packet and as a refusal, and a deferred ACK as a packet",
          "[listener]") {
  const NetworkPair pair;
  Measurement measurement({"listener"}, listeners_too());
  const Listener listener(pair.b(), Family::kIPv4, 1);
  const int seconds = 10;
  REQUIRE(::setsockopt(listener.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)) == 0);
  const test::SnmpCounters before = test::read_snmp(pair.b());
  const auto gained = [&](const char* name) { return test::delta(test::read_snmp(pair.b()), before).at(name); };
  // All handshakes are complete for their clients; the server waits for data.
  const std::vector<test::Socket> clients = connect_many(pair, listener, 3);
  test::transfer(clients[0], 1);
  test::transfer(clients[1], 1);
  wait_until_queued(measurement, 2);
  test::transfer(clients[2], 1);
  test::wait_until([&] { return gained("TcpExt.ListenOverflows") >= 1; });
  // The data is sent again after 200 ms, and then after twice as long.
  std::uint64_t drops = 0;
  std::uint64_t packets = 0;
  do {
    packets = gained("TcpExt.ListenOverflows") + gained("TcpExt.TCPDeferAcceptDrop");
    drops = static_cast<std::uint64_t>(measurement.value(kDrops));
  } while (packets != gained("TcpExt.ListenOverflows") + gained("TcpExt.TCPDeferAcceptDrop"));
  CHECK(gained("TcpExt.TCPDeferAcceptDrop") >= 1);
  CHECK(drops == packets + gained("TcpExt.ListenDrops"));
}

TEST_CASE("the wait for accept lasts from the connection's arrival to accept", "[listener]") {
  constexpr auto kDelay = 300ms;
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Measurement measurement({"listener"}, listeners_too());
    const Listener listener(pair.b(), family == Family::kIPv4 ? Family::kIPv4 : Family::kMapped);
    const auto begin = Clock::now();
    test::Socket client = test::connect_to(pair.a(), pair.b(), family, listener.port());
    const auto connected = Clock::now();
    std::this_thread::sleep_for(kDelay);
    const double oldest = measurement.value(kOldest);
    CHECK(oldest <= std::chrono::duration<double>(Clock::now() - begin).count());
    // The handshake's last ACK may still be on its way when connect() returns.
    CHECK(oldest >= std::chrono::duration<double>(kDelay).count() - 0.05);
    CHECK(measurement.histogram(kWait).count() == 0);
    const auto accepting = Clock::now();
    const test::Socket accepted = listener.accept();
    SECTION("seen by the sampling") {
      CHECK(measurement.histogram(kWait).count() == 1);
    }
    SECTION("seen by the next segment") {
      test::transfer(client, 1);
      test::wait_until([&] {
        pollfd waiting{accepted.get(), POLLIN, 0};
        return ::poll(&waiting, 1, 0) == 1;
      });
      CHECK(measurement.session().histograms("listener_wait")[0].sum > 0);
    }
    SECTION("seen by the end") {
      const test::Socket unused(::dup(accepted.get()));
      ::shutdown(accepted.get(), SHUT_WR);
      CHECK(measurement.session().histograms("listener_wait")[0].sum > 0);
    }
    const double end = std::chrono::duration<double>(Clock::now() - begin).count();
    const core::Histogram wait = measurement.histogram(kWait);
    INFO(measurement.nonzero());
    CHECK(wait.count() == 1);
    CHECK(wait.sum <= end);
    CHECK(wait.sum >= std::chrono::duration<double>(accepting - connected).count() - 0.05);
    CHECK(measurement.value(kOldest) == 0);
  }
}

TEST_CASE("accept() itself is seen where functions can be traced, and it is said where they cannot", "[listener]") {
  const NetworkPair pair;
  Measurement measurement({"listener"}, listeners_too());
  const Listener listener(pair.b());
  const test::Socket client = test::connect_to(pair.a(), pair.b(), Family::kIPv4, listener.port());
  const test::Socket accepted = listener.accept();
  bool traced = false;
  for (const auto& program : measurement.session().programs()) {
    traced = traced || (program.name == "on_accept" && program.attached);
  }
  // Nobody has looked since.
  CHECK((measurement.session().histograms("listener_wait")[0].sum > 0) == traced);
  for (const core::ProbeDescriptor* probe : tcpperf::probes::probe_table()) {
    if (probe->name == "listener") {
      const core::ProbeHealth health = measurement.session().health(*probe);
      CHECK(health.status == (traced ? core::ProbeStatus::kOk : core::ProbeStatus::kDegraded));
      CHECK((health.reason.find("without the exact moment of accept(): the kernel refuses programs on its function "
                                "inet_csk_accept: ") == 0) == !traced);
    }
  }
}

TEST_CASE("a connection that ends before it is accepted waits no longer", "[listener]") {
  const NetworkPair pair;
  Measurement measurement({"listener"}, listeners_too());
  const Listener listener(pair.b());
  test::Socket client = test::connect_to(pair.a(), pair.b(), Family::kIPv4, listener.port());
  wait_until_queued(measurement, 1);
  CHECK(measurement.value(kOldest) > 0);
  test::reset(client);
  test::wait_until([&] { return measurement.value(kOldest) == 0; });
  CHECK(measurement.value(kQueued) == 1);  // the kernel keeps it for accept()
  CHECK(measurement.histogram(kWait).count() == 0);
}

TEST_CASE("listeners are told apart by address, port and process, and connections follow theirs", "[listener]") {
  const NetworkPair pair;
  char name[16] = {};
  ::prctl(PR_GET_NAME, name);
  ::prctl(PR_SET_NAME, "one_who_listens");
  for (const bool older : {false, true}) {
    INFO((older ? "older than the measurement" : "younger than the measurement"));
    std::unique_ptr<Measurement> measurement;
    const auto measure = [&] {
      measurement = std::make_unique<Measurement>(
          std::vector<std::string>{"listener"}, listeners_too(), std::map<std::string, std::uint64_t, std::less<>>{},
          by({Dimension::kLocalIp, Dimension::kLocalPort, Dimension::kProcess}));
    };
    if (!older) {
      measure();
    }
    const Listener first(pair.b(), Family::kIPv4, kBacklog, pair.b().v4);
    const Listener second(pair.b());
    const Listener third(pair.b(), Family::kMapped);
    const Listener fourth(pair.b(), Family::kIPv6, kBacklog, pair.b().v6);
    if (older) {
      measure();
    }
    const std::vector<test::Socket> one = connect_many(pair, first, 1);
    const std::vector<test::Socket> two = connect_many(pair, second, 2);
    const std::vector<test::Socket> three = connect_many(pair, third, 3, Family::kMapped);
    const std::vector<test::Socket> four = connect_many(pair, fourth, 4, Family::kIPv6);
    const Values expected = {{{pair.b().v4, first.port_text(), "one_who_listens"}, 1},
                             {{"0.0.0.0", second.port_text(), "one_who_listens"}, 2},
                             {{"::", third.port_text(), "one_who_listens"}, 3},
                             {{pair.b().v6, fourth.port_text(), "one_who_listens"}, 4}};
    test::wait_until([&] { return measurement->by_group(kQueued) == expected; });
    CHECK(measurement->by_group(kHighest) == expected);
    CHECK(measurement->by_group("tcpperf_listener_sockets").size() == 4);
    for (const Listener* listener :
         {&first, &second, &second, &third, &third, &third, &fourth, &fourth, &fourth, &fourth}) {
      listener->accept_and_close();
    }
    CHECK(measurement->by_group(kWait) == expected);
    CHECK(measurement->by_group(kQueued).empty());
    CHECK(measurement->by_group(kHighest) == expected);
  }
  ::prctl(PR_SET_NAME, name);
}

TEST_CASE("connections take no slots of listeners, and listeners none of connections", "[listener]") {
  const NetworkPair pair;
  core::GroupPlan plan = *core::plan_groups(
      {{"listener", {{Dimension::kLocalPort}, 8, true}}, {"handshake", {{Dimension::kLocalPort}, 8, false}}}, {});
  REQUIRE(plan.groupings.size() == 2);
  Measurement measurement({"listener", "handshake"}, test::only_side(pair.b().v4, pair.b().v6), {}, plan);
  const Listener listener(pair.b(), Family::kIPv4, kBacklog, pair.b().v4);
  const Listener silent(pair.b(), Family::kIPv4, kBacklog, pair.b().v4);
  const std::vector<test::Socket> clients = connect_many(pair, listener, 3);
  test::wait_until([&] { return measurement.by_group(kQueued) == Values{{{listener.port_text()}, 3}}; });
  const auto used = [&](const char* probe) {
    int slots = 0;
    for (const tcpperf_group& group : measurement.session().groups().table(plan.of(probe).grouping)) {
      slots += group.resolved != 0 ? 1 : 0;
    }
    return slots;
  };
  CHECK(used("listener") == 2);
  CHECK(used("handshake") == 1);
  CHECK(measurement.by_group("tcpperf_connects_total") == Values{{{listener.port_text()}, 3}});
}

TEST_CASE("the owner of a listener is known without programs on reads and writes", "[listener]") {
  const NetworkPair pair;
  Measurement measurement({"listener"}, listeners_too(), {}, by({Dimension::kProcess}));
  for (const auto& program : measurement.session().programs()) {
    CHECK(program.name.find("on_user") == std::string::npos);
  }
}

TEST_CASE("a retired listener leaves its mark in other, where the highest counts and not the sum", "[listener]") {
  const NetworkPair pair;
  Measurement measurement({"listener"}, listeners_too(), {}, by({Dimension::kLocalPort}));
  for (const int connections : {3, 5, 2}) {
    Listener listener(pair.b());
    const std::vector<test::Socket> clients = connect_many(pair, listener, connections);
    for (int i = 0; i < connections; ++i) {
      listener.accept_and_close();
    }
    const Values highest = measurement.by_group(kHighest);
    CHECK(highest.at({listener.port_text()}) == connections);
  }
  std::uint32_t slot = 0;
  for (const tcpperf_group& group : measurement.session().groups().table(0)) {
    if (group.resolved != 0) {
      REQUIRE(measurement.session().retire_group(0, slot));
      measurement.forget("listener", slot);
    }
    ++slot;
  }
  CHECK(measurement.by_group(kHighest) == Values{{{"other"}, 5}});
  CHECK(measurement.by_group(kWait) == Values{{{"other"}, 10}});
}

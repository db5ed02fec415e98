// The network pair, its traffic and its counters must themselves be right before anything is judged by them.
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "catch.h"
#include "support/command.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/snmp.h"
#include "support/tcp_info.h"
#include "support/traffic.h"

namespace {

namespace test = tcpperf::test;
using test::Family;
using test::in_namespace;
using test::NetworkPair;
using test::Server;

bool is_named_namespace(const std::string& name) {
  return std::filesystem::exists("/run/netns/" + name);
}

std::vector<std::string> own_namespaces() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/run/netns", error)) {
    if (entry.path().filename().string().starts_with("tcpperf-" + std::to_string(::getpid()) + "-")) {
      names.push_back(entry.path().filename());
    }
  }
  return names;
}

// The id of a process that has existed and is gone.
pid_t gone_process() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return child;
}

}  // namespace

TEST_CASE("a command's failure carries the command and what it complained about", "[support]") {
  CHECK_THROWS_WITH(test::run({"ip", "link", "delete", "no-such-link"}),
                    contains_text("ip link delete no-such-link") && contains_text("Cannot find device"));
  CHECK_THROWS_WITH(test::run({"no-such-command"}), contains_text("No such file"));
  CHECK(test::run({"echo", "two words"}) == "two words\n");
}

TEST_CASE("a pair removes both namespaces when it ends", "[support]") {
  std::string name;
  {
    const NetworkPair pair;
    name = pair.a().name;
    CHECK(is_named_namespace(name));
    CHECK(own_namespaces().size() == 2);
  }
  CHECK_FALSE(is_named_namespace(name));
  CHECK(own_namespaces().empty());
}

TEST_CASE("a pair that cannot be completed leaves nothing behind", "[support]") {
  test::PairOptions options;
  options.mtu_bytes = 10;  // below what a veth accepts
  CHECK_THROWS_AS(NetworkPair(options), std::runtime_error);
  CHECK(own_namespaces().empty());
}

TEST_CASE("two pairs live side by side with the same addresses", "[support]") {
  const NetworkPair first;
  const NetworkPair second;
  Server server_of_first(first.b());
  const test::Socket socket = test::connect_to(first.a(), first.b(), Family::kIPv4, server_of_first.port());
  CHECK(test::connect(second.a(), Family::kIPv4, second.b().v4, server_of_first.port()).error == ECONNREFUSED);
}

TEST_CASE("namespaces of a process that is gone are removed, those of a living one stay", "[support]") {
  const NetworkPair pair;
  const std::string gone = "tcpperf-" + std::to_string(gone_process()) + "-0-a";
  test::run({"ip", "netns", "add", gone});
  test::remove_abandoned_namespaces();
  CHECK_FALSE(is_named_namespace(gone));
  CHECK(is_named_namespace(pair.a().name));
}

TEST_CASE("the caller stays in its namespace while a callable runs in another", "[support]") {
  const NetworkPair pair;
  const auto own = [] { return std::filesystem::read_symlink("/proc/thread-self/ns/net").string(); };
  const std::string before = own();
  const std::string inside = in_namespace(pair.a(), own);
  CHECK(inside != before);
  CHECK(inside != in_namespace(pair.b(), own));
  CHECK(own() == before);
}

TEST_CASE("an exception inside a namespace arrives at the caller", "[support]") {
  const NetworkPair pair;
  CHECK_THROWS_WITH(in_namespace(pair.a(), [] { throw std::runtime_error("from inside"); }), "from inside");
  CHECK_THROWS_WITH(in_namespace(test::Side{"no-such-side", "", "", ""}, [] {}),
                    contains_text("no-such-side") && contains_text("No such file"));
}

TEST_CASE("a setting is the namespace's own", "[support]") {
  const NetworkPair pair;
  const std::string before = test::read_setting(pair.b(), "net/ipv4/tcp_syn_retries");
  test::write_setting(pair.a(), "net/ipv4/tcp_syn_retries", "3");
  CHECK(test::read_setting(pair.a(), "net/ipv4/tcp_syn_retries") == "3");
  CHECK(test::read_setting(pair.b(), "net/ipv4/tcp_syn_retries") == before);
  CHECK_THROWS_AS(test::write_setting(pair.a(), "net/ipv4/no_such_setting", "1"), std::runtime_error);
}

TEST_CASE("every family sends, receives and closes over the pair", "[support]") {
  const NetworkPair pair;
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    Server sink(pair.b());
    test::Socket sending = test::connect_to(pair.a(), pair.b(), family, sink.port());
    test::transfer(sending, 1'000'003);
    test::close_actively(sending);
    sink.wait_for_closed(1);
    CHECK(sink.totals().bytes_received == 1'000'003);
    CHECK(sink.totals().reset_by_peer == 0);

    Server echo(pair.b(), {.mode = test::ServerMode::kEcho});
    test::Socket asking = test::connect_to(pair.a(), pair.b(), family, echo.port());
    test::request_response(asking, 10, 100'000);
    asking.close();
    echo.wait_for_closed(1);
    CHECK(echo.totals().bytes_sent == 1'000'000);

    Server source(pair.b(), {.mode = test::ServerMode::kSource, .source_bytes = 3'000'017});
    test::Socket receiving = test::connect_to(pair.a(), pair.b(), family, source.port());
    CHECK(test::receive_to_end(receiving) == 3'000'017);
    receiving.close();
    source.wait_for_closed(1);
    CHECK(source.totals().bytes_sent == 3'000'017);
  }
}

TEST_CASE("a server listens on the families it was asked for", "[support]") {
  const NetworkPair pair;
  Server v4(pair.b(), {.family = Family::kIPv4});
  Server v6(pair.b(), {.family = Family::kIPv6});
  CHECK(test::connect(pair.a(), Family::kIPv4, pair.b().v4, v4.port()).connected());
  CHECK(test::connect(pair.a(), Family::kMapped, pair.b().address(Family::kMapped), v4.port()).connected());
  CHECK(test::connect(pair.a(), Family::kIPv6, pair.b().v6, v4.port()).error == ECONNREFUSED);
  CHECK(test::connect(pair.a(), Family::kIPv4, pair.b().v4, v6.port()).error == ECONNREFUSED);
  CHECK(test::connect(pair.a(), Family::kIPv6, pair.b().v6, v6.port()).connected());
}

TEST_CASE("a half-closed connection still receives", "[support]") {
  const NetworkPair pair;
  Server source(pair.b(), {.mode = test::ServerMode::kSource, .source_bytes = 100'000});
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, source.port());
  test::half_close(socket);
  CHECK(test::receive_to_end(socket) == 100'000);
}

TEST_CASE("a reset reaches the server as an error and sends one RST", "[support]") {
  const NetworkPair pair;
  Server server(pair.b());
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  const test::SnmpCounters before = test::read_snmp(pair.a());
  test::reset(socket);
  server.wait_for_closed(1);
  CHECK(server.totals().reset_by_peer == 1);
  CHECK(test::delta(test::read_snmp(pair.a()), before)["Tcp.OutRsts"] == 1);
}

TEST_CASE("a server that does not accept overflows its queue and accepts later", "[support]") {
  const NetworkPair pair;
  Server server(pair.b(), {.backlog = 1, .accepting = false});
  const test::Socket first = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  const test::Socket second = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  const auto third = test::connect(pair.a(), Family::kIPv4, pair.b().v4, server.port(), std::chrono::milliseconds(200));
  CHECK(third.error == ETIMEDOUT);
  CHECK(third.socket.get() == -1);
  CHECK(test::read_snmp(pair.b())["TcpExt.ListenOverflows"] >= 1);
  CHECK(server.totals().accepted == 0);
  server.start_accepting();
  server.wait_for_accepted(2);
  CHECK(server.totals().accepted == 2);
}

TEST_CASE("a server that does not read closes its window until it does", "[support]") {
  const NetworkPair pair;
  Server server(pair.b(), {.reading = false});
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  std::thread sender([&] { test::transfer(socket, 16'000'000); });
  const auto give_up = std::chrono::steady_clock::now() + test::kPatience;
  while (test::read_snmp(pair.b())["TcpExt.TCPToZeroWindowAdv"] == 0 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  CHECK(test::read_snmp(pair.b())["TcpExt.TCPToZeroWindowAdv"] >= 1);
  CHECK(server.totals().bytes_received == 0);
  server.start_reading();
  sender.join();
  server.wait_for_received(16'000'000);
}

TEST_CASE("the kernel's counters of a side count 17 connections as 17", "[support]") {
  const NetworkPair pair;
  Server server(pair.b());
  const test::SnmpCounters client_before = test::read_snmp(pair.a());
  const test::SnmpCounters server_before = test::read_snmp(pair.b());
  for (int i = 0; i < 17; ++i) {
    test::Socket socket = test::connect_to(pair.a(), pair.b(), test::kAllFamilies[i % 3], server.port());
    test::close_actively(socket);
  }
  server.wait_for_closed(17);
  test::SnmpCounters client = test::delta(test::read_snmp(pair.a()), client_before);
  test::SnmpCounters serving = test::delta(test::read_snmp(pair.b()), server_before);
  CHECK(client["Tcp.ActiveOpens"] == 17);
  CHECK(client["Tcp.PassiveOpens"] == 0);
  CHECK(serving["Tcp.ActiveOpens"] == 0);
  CHECK(serving["Tcp.PassiveOpens"] == 17);
}

TEST_CASE("counter files are read name by name and refused when they do not match", "[support]") {
  test::SnmpCounters counters;
  test::parse_snmp("Tcp: MaxConn InSegs\nTcp: -1 18446744073709551615\nTcpExt: A\nTcpExt: 7\n", counters);
  CHECK(counters ==
        test::SnmpCounters{{"Tcp.MaxConn", UINT64_MAX}, {"Tcp.InSegs", UINT64_MAX}, {"TcpExt.A", std::uint64_t{7}}});
  for (const char* bad : {"Tcp: A\n", "Tcp: A\nUdp: 1\n", "Tcp: A B\nTcp: 1\n", "Tcp A\nTcp 1\n"}) {
    INFO(bad);
    CHECK_THROWS_AS(test::parse_snmp(bad, counters), std::runtime_error);
  }
  CHECK(test::delta({{"x", 5}, {"new", 2}}, {{"x", 3}}) == test::SnmpCounters{{"x", 2}, {"new", 2}});
}

TEST_CASE("TCP_INFO tells the truth about a transfer of known size", "[support]") {
  const NetworkPair pair;
  Server server(pair.b());
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::transfer(socket, 50'000);  // one write: only its last segment is not full
  server.wait_for_received(50'000);
  const test::TcpInfo info = test::tcp_info(socket);
  CHECK(info.tcpi_state == 1);
  // On a busy machine the kernel may probe for a lost tail although nothing was lost.
  CHECK(info.tcpi_bytes_sent - info.tcpi_bytes_retrans == 50'000);
  CHECK(info.tcpi_data_segs_out - info.tcpi_total_retrans == (50'000 + info.tcpi_snd_mss - 1) / info.tcpi_snd_mss);
  CHECK(info.tcpi_rtt > 0);
  CHECK_THROWS_AS(test::tcp_info(test::Socket()), std::runtime_error);
}

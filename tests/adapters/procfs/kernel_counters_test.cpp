// The kernel's own counters: known texts, faulty ones, and those of this machine.
#include "adapters/procfs/kernel_counters.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include "catch.h"

using namespace tcpperf;
using namespace tcpperf::adapters;

namespace {

constexpr std::array<std::string_view, 4> kNames = {"TcpActiveOpens", "TcpExtListenDrops", "TcpNone", ""};
using Values = std::array<std::optional<std::uint64_t>, kNames.size()>;

}  // namespace

TEST_CASE("counters are found by group and name, and the others stay unknown", "[procfs]") {
  Values values{};
  REQUIRE(parse_kernel_counters("Ip: Forwarding\nIp: 1\nTcp: MaxConn ActiveOpens\nTcp: -1 17\n", kNames, values));
  CHECK(values == Values{17, std::nullopt, std::nullopt, std::nullopt});
  REQUIRE(parse_kernel_counters("TcpExt: ActiveOpens ListenDrops\nTcpExt: 5 18446744073709551615\n", kNames, values));
  CHECK(values == Values{17, 18446744073709551615U, std::nullopt, std::nullopt});
  REQUIRE(parse_kernel_counters("", kNames, values));
}

TEST_CASE("a text of another form is an error that says where", "[procfs]") {
  for (const char* text : {"Tcp: ActiveOpens\n", "Tcp: ActiveOpens\nUdp: 1\n", "Tcp ActiveOpens\nTcp 1\n", "\n\n",
                           "Tcp: ActiveOpens\nTcp: x\n", "Tcp: ActiveOpens\nTcp:\n", "Tcp: ActiveOpens\nTcp: -1\n"}) {
    INFO(text);
    Values values{};
    CHECK_FALSE(parse_kernel_counters(text, kNames, values));
  }
}

TEST_CASE("TCP's memory is what the line of TCP says behind mem", "[procfs]") {
  CHECK(*parse_tcp_memory("sockets: used 9\nTCP: inuse 5 orphan 0 tw 1 alloc 7 mem 3\nUDP: inuse 1 mem 2\n") == 3);
  for (const char* text : {"", "UDP: inuse 1 mem 2\n", "TCP: inuse 5\n", "TCP: mem\n", "TCP: mem x\n"}) {
    INFO(text);
    CHECK_FALSE(parse_tcp_memory(text));
  }
}

TEST_CASE("the limits of TCP's memory are three numbers", "[procfs]") {
  CHECK(*parse_tcp_memory_limits("1\t20\t300\n") == std::array<std::uint64_t, 3>{1, 20, 300});
  for (const char* text : {"", "1 2", "1 2 x"}) {
    INFO(text);
    CHECK_FALSE(parse_tcp_memory_limits(text));
  }
}

TEST_CASE("what cannot be read is an error, and limits that are not shown are none", "[procfs]") {
  const std::filesystem::path root =
      std::filesystem::temp_directory_path() / ("tcpperf-counters-" + std::to_string(::getpid()));
  std::filesystem::create_directories(root / "self/net");
  CHECK_FALSE(read_kernel_counters(kNames, root));
  CHECK_FALSE(read_tcp_memory(root));
  CHECK_FALSE(own_network_namespace(root));
  std::ofstream(root / "self/net/sockstat") << "TCP: inuse 5 mem 3\n";
  const auto memory = read_tcp_memory(root);
  REQUIRE(memory);
  CHECK(memory->bytes == 3 * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  CHECK_FALSE(memory->limits);
  std::ofstream(root / "self/net/snmp") << "Tcp: ActiveOpens\nTcp: 1\n";
  std::ofstream(root / "self/net/netstat") << "TcpExt: ListenDrops\nTcpExt: none\n";
  const auto counters = read_kernel_counters(kNames, root);
  REQUIRE_FALSE(counters);
  CHECK(counters.error().message.find("netstat") != std::string::npos);
  std::filesystem::remove_all(root);
}

TEST_CASE("this machine has the counters, the memory and a network namespace", "[procfs]") {
  const auto counters = read_kernel_counters(kNames);
  REQUIRE(counters);
  CHECK((*counters)[0].has_value());
  CHECK((*counters)[1].has_value());
  CHECK_FALSE((*counters)[2].has_value());
  CHECK(read_tcp_memory().has_value());
  CHECK(*own_network_namespace() > 0);
}

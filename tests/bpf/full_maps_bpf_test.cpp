// Maps that traffic fills: what finds no room is counted, to the last one.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <bpf/bpf.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "abi/counters.h"
#include "catch.h"
#include "measurement.h"
#include "support/faults.h"
#include "support/listener.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/snmp.h"
#include "support/socket_address.h"
#include "support/traffic.h"
#include "support/wait.h"

namespace {

namespace test = tcpperf::test;
using tcpperf::adapters::bpf::MapState;
using tcpperf::adapters::bpf::ObjectVariant;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;

constexpr std::uint64_t kConnections = 23;
// Changes of state of an accepted socket whose client closes first: syn_recv, established, close_wait, last_ack, close.
constexpr std::uint64_t kStatesOfServer = 5;
constexpr std::uint64_t kStatesOfListener = 2;

std::uint64_t lost(Measurement& measurement, tcpperf_lost reason) {
  return measurement.session().counters("lost_updates")[reason];
}

MapState map_of(Measurement& measurement, std::string_view name) {
  const std::vector<MapState> maps = measurement.session().maps();
  return *std::find_if(maps.begin(), maps.end(), [&](const MapState& map) { return map.name == name; });
}

// A listener that comes and goes, with so many connections of which each is closed by both ends.
void connect_and_close(const NetworkPair& pair, std::uint64_t connections) {
  Server server(pair.b());
  for (std::uint64_t i = 0; i < connections; ++i) {
    test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    test::close_actively(socket);
  }
  server.wait_for_closed(connections);
}

Measurement measure_by_process(const NetworkPair& pair) {
  return Measurement({"handshake"}, test::only_side(pair.b().v4, pair.b().v6), {},
                     test::group_by({"handshake"}, {tcpperf::core::Dimension::kProcess}, 64),
                     {.object = ObjectVariant::kRecent});
}

void allow_open_files(rlim_t files) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_max = std::max(limit.rlim_max, files);
  limit.rlim_cur = std::max(limit.rlim_cur, files);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    throw std::runtime_error(std::string("allow open files: ") + std::strerror(errno));
  }
}

// Begin to connect, in parts: the kernel gives a handshake up when it cannot send a SYN-ACK again, and a veth's queue
// is too short for all of them.
std::vector<test::Socket> begin_to_connect(const NetworkPair& pair, std::uint16_t port, std::size_t count) {
  return test::in_namespace(pair.a(), [&] {
    const test::SocketAddress address = test::socket_address(Family::kIPv4, pair.b().v4, port);
    std::vector<test::Socket> sockets;
    for (std::size_t i = 0; i < count; ++i) {
      if (i % 500 == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(80));
      }
      sockets.emplace_back(::socket(address.domain(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (::connect(sockets.back().get(), address.get(), address.length) != 0 && errno != EINPROGRESS) {
        throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
      }
    }
    return sockets;
  });
}

// This process's descriptor of a hash map by its name.
int own_hash(const std::string& name) {
  for (int fd = 0; fd < 1024; ++fd) {
    std::ifstream about("/proc/self/fdinfo/" + std::to_string(fd));
    bool is_map = false;
    for (std::string line; std::getline(about, line);) {
      is_map = is_map || line.starts_with("map_id:");
    }
    struct bpf_map_info info {};
    __u32 bytes = sizeof(info);
    if (is_map && bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0 && info.type == BPF_MAP_TYPE_HASH &&
        name == info.name) {
      return fd;
    }
  }
  throw std::runtime_error("no hash map " + name);
}

}  // namespace

TEST_CASE("a handshake whose SYN-ACK was pushed out by newer ones is counted without a duration, and as a loss",
          "[handshake][full]") {
  constexpr std::uint64_t kHandshakes = 6007;  // the map has room for 4096
  constexpr const char* kRoomForAll = "32768";
  allow_open_files(kHandshakes + 1000);
  const NetworkPair pair;
  for (const char* limit : {"net/core/somaxconn", "net/ipv4/tcp_max_syn_backlog"}) {
    test::write_setting(pair.b(), limit, kRoomForAll);
  }
  test::write_setting(pair.b(), "net/ipv4/tcp_syncookies", "0");
  Measurement measurement({"handshake", "retransmit"}, test::only_side(pair.b().v4, pair.b().v6));
  const test::Listener listener(pair.b(), Family::kIPv4, std::stoi(kRoomForAll));
  const MapState before = map_of(measurement, "synack_sent_us");
  REQUIRE(before.entries == 0);
  REQUIRE(before.capacity < kHandshakes);
  std::vector<test::Socket> clients;
  {
    test::Faults faults(pair.b());
    faults.drop_all_but_syns(listener.port());
    clients = begin_to_connect(pair, listener.port(), kHandshakes);
    test::wait_until([&] { return test::read_snmp(pair.b()).at("TcpExt.TCPTimeouts") >= kHandshakes; });
    CHECK(map_of(measurement, "synack_sent_us").entries > before.capacity / 2);
    CHECK(lost(measurement, TCPPERF_LOST_SYNACK) == 0);  // perhaps none of them will be needed
  }
  // The first byte carries the ACK that completes the handshake.
  for (const test::Socket& client : clients) {
    ::send(client.get(), "x", 1, MSG_NOSIGNAL);
  }
  double connects = 0;
  test::wait_until([&] {
    connects = measurement.value("tcpperf_connects_total", {"server"});
    return connects + static_cast<double>(test::read_snmp(pair.b()).at("Tcp.OutRsts")) == kHandshakes;
  });
  const std::uint64_t timed = measurement.histogram("tcpperf_handshake_seconds", {"server"}).count();
  INFO(measurement.nonzero());
  CHECK(connects > static_cast<double>(before.capacity));
  CHECK(static_cast<double>(lost(measurement, TCPPERF_LOST_SYNACK) + timed) == connects);
  CHECK(lost(measurement, TCPPERF_LOST_SYNACK) > 0);
  CHECK(timed > 0);
  CHECK(map_of(measurement, "synack_sent_us").entries == 0);
}

TEST_CASE("each event of a socket that has no room for its state is counted as lost, and none of another", "[full]") {
  constexpr const char* kRoom = "net/core/optmem_max";
  const NetworkPair pair;
  const std::string enough = test::read_setting(pair.b(), kRoom);  // each namespace has its own since Linux 6.8
  Measurement measurement = measure_by_process(pair);
  test::write_setting(pair.b(), kRoom, "1");
  connect_and_close(pair, kConnections);
  constexpr std::uint64_t kEvents = kStatesOfServer * kConnections + kStatesOfListener;
  test::wait_until([&] { return lost(measurement, TCPPERF_LOST_FLOW) >= kEvents; });
  CHECK(lost(measurement, TCPPERF_LOST_FLOW) == kEvents);
  CHECK(lost(measurement, TCPPERF_LOST_OWNER) == 1);  // of the listener
  CHECK(measurement.value("tcpperf_connects_total", {"server", "other"}) == 0);

  test::write_setting(pair.b(), kRoom, enough);
  connect_and_close(pair, kConnections);
  CHECK(measurement.total("tcpperf_connects_total", "server") == kConnections);
  CHECK(lost(measurement, TCPPERF_LOST_FLOW) == kEvents);
  CHECK(lost(measurement, TCPPERF_LOST_OWNER) == 1);
}

TEST_CASE("a connection that has no room for its listener's owner waits until there is, and the kernel counts it",
          "[full]") {
  constexpr const char* kRoom = "net/core/optmem_max";
  const NetworkPair pair;
  const std::string enough = test::read_setting(pair.b(), kRoom);
  Measurement measurement = measure_by_process(pair);
  Server server(pair.b());
  test::write_setting(pair.b(), kRoom, "1");
  const std::uint64_t dropped = test::read_snmp(pair.b()).at("TcpExt.ListenDrops");
  const test::Socket client = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::wait_until([&] { return test::read_snmp(pair.b()).at("TcpExt.ListenDrops") > dropped; });
  CHECK(measurement.total("tcpperf_connects_total", "server") == 0);
  test::write_setting(pair.b(), kRoom, enough);
  server.wait_for_accepted(1);
  CHECK(measurement.total("tcpperf_connects_total", "server") == 1);
}

TEST_CASE("on older kernels each event of a socket that finds the map full is counted as lost", "[older][full]") {
  const NetworkPair pair;
  Measurement measurement({"handshake"}, test::only_side(pair.b().v4, pair.b().v6), {}, {},
                          {.object = ObjectVariant::kOlder});
  const int flows = own_hash("flows");
  struct bpf_map_info info {};
  __u32 bytes = sizeof(info);
  REQUIRE(bpf_obj_get_info_by_fd(flows, &info, &bytes) == 0);
  REQUIRE(info.max_entries == TCPPERF_STORAGE_ENTRIES);
  // No socket is at these addresses.
  const std::vector<char> state(info.value_size);
  std::uint64_t taken = 0;
  for (std::uint64_t next = 1; bpf_map_update_elem(flows, &next, state.data(), BPF_NOEXIST) == 0; ++next) {
    taken = next;
  }
  CHECK(errno == E2BIG);
  REQUIRE(taken > 0);
  connect_and_close(pair, kConnections);
  // Those of the machine's other sockets as well.
  test::wait_until(
      [&] { return lost(measurement, TCPPERF_LOST_FLOW) >= kStatesOfServer * kConnections + kStatesOfListener; });
  CHECK(measurement.value("tcpperf_connects_total", {"server"}) == 0);

  for (std::uint64_t key = 1; key <= taken; ++key) {
    bpf_map_delete_elem(flows, &key);
  }
  connect_and_close(pair, kConnections);
  CHECK(measurement.value("tcpperf_connects_total", {"server"}) == kConnections);
}

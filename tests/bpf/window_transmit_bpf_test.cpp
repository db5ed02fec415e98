// window on real traffic: every segment that is sent is counted once, whatever it has to pass.
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "abi/counters.h"
#include "catch.h"
#include "measurement.h"
#include "support/command.h"
#include "support/faults.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/snmp.h"
#include "support/tcp_info.h"
#include "support/traffic.h"

extern "C" {
extern const std::byte tcpperf_second_pass_begin[];
extern const std::byte tcpperf_second_pass_end[];
}

namespace {

namespace test = tcpperf::test;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;

// The addresses of what is built upon the pair.
constexpr const char* kUpperA = "10.78.0.1";
constexpr const char* kUpperB = "10.78.0.2";
constexpr const char* kNoAddress = "fd78::ffff";

const std::map<std::string, std::uint64_t, std::less<>> kSending = {{"cfg_window_perspective", TCPPERF_WINDOW_TX},
                                                                    {"cfg_window_interval_ns", 1'000'000}};

void ip(const test::Side& side, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"ip", "-n", side.name});
  test::run(arguments);
}

// `arguments` of `ip link add upper0`: a device upon each side's cable, with an address of its own.
void add_upper(const test::Side& side, const std::string& address, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"link", "add", "name", "upper0"});
  ip(side, std::move(arguments));
  ip(side, {"addr", "add", address + "/24", "dev", "upper0"});
  ip(side, {"link", "set", "upper0", "up"});
}

// An embedded BPF object as a file, for `ip`.
class ObjectFile {
 public:
  ObjectFile(const std::byte* begin, const std::byte* end) {
    const test::Socket file(::mkstemp(path_.data()));
    const auto bytes = end - begin;
    if (file.get() < 0 || ::write(file.get(), begin, static_cast<std::size_t>(bytes)) != bytes) {
      throw std::runtime_error("write " + path_);
    }
  }
  ~ObjectFile() { ::unlink(path_.c_str()); }
  ObjectFile(const ObjectFile&) = delete;
  ObjectFile& operator=(const ObjectFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/tcpperf-object-XXXXXX";
};

struct Topology {
  std::string name;
  std::function<void(const test::Side& side, const test::Side& peer, const std::string& address)> build;
};

std::vector<Topology> topologies() {
  const auto tunnel = [](const std::string& type) {
    return [type](const test::Side& side, const test::Side& peer, const std::string& address) {
      add_upper(side, address, {"type", type, "local", side.v4, "remote", peer.v4});
    };
  };
  return {
      {"bridge",
       [](const test::Side& side, const test::Side& /*peer*/, const std::string& address) {
         add_upper(side, address, {"type", "bridge"});
         ip(side, {"link", "set", side.interface, "master", "upper0"});
       }},
      {"bond",
       [](const test::Side& side, const test::Side& /*peer*/, const std::string& address) {
         add_upper(side, address, {"type", "bond"});
         ip(side, {"link", "set", side.interface, "down"});
         ip(side, {"link", "set", side.interface, "master", "upper0"});
         ip(side, {"link", "set", side.interface, "up"});
       }},
      {"macvlan",
       [](const test::Side& side, const test::Side& /*peer*/, const std::string& address) {
         add_upper(side, address, {"link", side.interface, "type", "macvlan", "mode", "bridge"});
       }},
      {"vlan",
       [](const test::Side& side, const test::Side& /*peer*/, const std::string& address) {
         add_upper(side, address, {"link", side.interface, "type", "vlan", "id", "77"});
       }},
      {"vxlan",
       [](const test::Side& side, const test::Side& peer, const std::string& address) {
         add_upper(side, address,
                   {"type", "vxlan", "id", "77", "local", side.v4, "remote", peer.v4, "dstport", "4789", "dev",
                    side.interface});
       }},
      {"ipip", tunnel("ipip")},
      {"gre", tunnel("gre")},
  };
}

// Sends over a connection that loses segments, and compares the count with what the socket says.
void check_transmitted(const NetworkPair& pair, Measurement& measurement, Family family, const std::string& address) {
  const double before = measurement.value("tcpperf_transmitted_segments_total");
  Server server(pair.b());
  test::Faults faults(pair.b());
  faults.drop_every_nth(test::to_port(server.port()), 17);
  test::ConnectResult connected = test::connect(pair.a(), family, address, server.port());
  REQUIRE(connected.connected());
  test::transfer(connected.socket, 1'000'003);
  test::half_close(connected.socket);
  test::receive_to_end(connected.socket);
  const test::TcpInfo info = test::tcp_info(connected.socket);
  INFO(measurement.nonzero());
  CHECK(info.tcpi_total_retrans > 0);
  CHECK(info.tcpi_segs_out > 600);
  CHECK(measurement.value("tcpperf_transmitted_segments_total") - before == info.tcpi_segs_out);
}

}  // namespace

TEST_CASE("every segment sent is counted once, retransmissions, SYN and FIN included", "[window]") {
  const bool offload = GENERATE(false, true);
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family) << (offload ? " with" : " without") << " segmentation offload");
    const NetworkPair pair({.segmentation_offload = offload});
    Measurement measurement({"window"}, test::only_side(pair.a().v4, pair.a().v6), kSending);
    check_transmitted(pair, measurement, family, pair.b().address(family));
  }
}

TEST_CASE("a segment counts once however many devices it crosses", "[window]") {
  for (const Topology& topology : topologies()) {
    INFO(topology.name);
    const NetworkPair pair({.segmentation_offload = true});
    try {
      topology.build(pair.a(), pair.b(), kUpperA);
      topology.build(pair.b(), pair.a(), kUpperB);
    } catch (const std::runtime_error& error) {
      WARN("not tested over " << topology.name << ": " << error.what());
      continue;
    }
    Measurement measurement({"window"}, test::only_side(kUpperA, kNoAddress), kSending);
    check_transmitted(pair, measurement, Family::kIPv4, kUpperB);
  }
}

TEST_CASE("a segment counts though it leaves IP inside another header", "[window]") {
  const NetworkPair pair;
  try {
    for (const char* device : {"all", "veth0"}) {
      test::write_setting(pair.b(), std::string("net/ipv6/conf/") + device + "/seg6_enabled", "1");
    }
    ip(pair.b(), {"addr", "add", "fd78::2/128", "dev", "lo"});
    ip(pair.a(), {"route", "add", "fd78::2/128", "encap", "seg6", "mode", "encap", "segs", pair.b().v6, "dev",
                  pair.a().interface, "src", pair.a().v6});
  } catch (const std::runtime_error& error) {
    WARN("not tested over segment routing: " << error.what());
    return;
  }
  Measurement measurement({"window"}, test::only_side(pair.a().v4, pair.a().v6), kSending);
  check_transmitted(pair, measurement, Family::kIPv6, "fd78::2");
}

TEST_CASE("a segment that passes IP output twice counts once", "[window]") {
  const NetworkPair pair;
  const ObjectFile object(tcpperf_second_pass_begin, tcpperf_second_pass_end);
  try {
    ip(pair.a(), {"route", "add", "10.78.0.0/24", "encap", "bpf", "xmit", "obj", object.path(), "section", "lwt_xmit",
                  "dev", pair.a().interface, "src", pair.a().v4});
  } catch (const std::runtime_error& error) {
    WARN("not tested: " << error.what());
    return;
  }
  Measurement measurement({"window"}, test::only_side(pair.a().v4, pair.a().v6), kSending);
  const test::SnmpCounters before = test::read_snmp(pair.a());
  const test::ConnectResult nobody =
      test::connect(pair.a(), Family::kIPv4, kUpperB, 9, std::chrono::milliseconds(1500));
  CHECK(nobody.error == ETIMEDOUT);
  const test::SnmpCounters kernel = test::delta(test::read_snmp(pair.a()), before);
  // Two SYNs of 60 bytes, and each again with 20 more.
  CHECK(kernel.at("Tcp.OutSegs") + kernel.at("Tcp.RetransSegs") == 2);
  CHECK(kernel.at("IpExt.OutOctets") == 60 + 80 + 60 + 80);
  CHECK(measurement.value("tcpperf_transmitted_segments_total") == 2);
}

TEST_CASE("a SYN counts though the filter could not judge its connection before", "[window]") {
  const NetworkPair pair;
  auto filter = test::only_side(pair.a().v4, pair.a().v6);
  filter.local_port = {{1, 65535}};
  Measurement measurement({"window"}, filter, kSending);
  check_transmitted(pair, measurement, Family::kIPv4, pair.b().v4);
}

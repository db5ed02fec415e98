// What is in a slot, as label values.
#include "core/groups/labels.h"

#include <algorithm>
#include <string>

#include <arpa/inet.h>

#include "catch.h"

using namespace tcpperf::core;

namespace {

using Values = std::vector<std::string>;

class Names final : public HostNames {
 public:
  [[nodiscard]] std::optional<std::string> cgroup_path(std::uint64_t id) const override {
    switch (id) {
      case 7: return "/system.slice/nginx.service";
      case 8: return "/";
      case 9: return "/a\xff";
      default: return std::nullopt;
    }
  }
};

void set_address(tcpperf_u8 (&out)[16], const std::string& text) {
  const std::string v6 = text.find(':') == std::string::npos ? "::ffff:" + text : text;
  REQUIRE(inet_pton(AF_INET6, v6.c_str(), out) == 1);
}

std::string value(Dimension dimension, const tcpperf_group_key& key, PrefixLengths prefix = {}) {
  const Values values = group_label_values(key, {dimension}, prefix, Names());
  REQUIRE(values.size() == 1);
  return values[0];
}

std::string process(const std::string& text) {
  tcpperf_group_key key{};
  std::copy(text.begin(), text.end(), key.process);
  return value(Dimension::kProcess, key);
}

std::string prefix_of(const std::string& address, PrefixLengths prefix) {
  tcpperf_group_key key{};
  set_address(key.remote_ip, address);
  return value(Dimension::kRemotePrefix, key, prefix);
}

std::string cgroup(std::uint64_t id) {
  tcpperf_group_key key{};
  key.cgroup = id;
  return value(Dimension::kCgroup, key);
}

}  // namespace

TEST_CASE("zeros are every address for a listener, and unknown for a connection", "[groups]") {
  tcpperf_group_key key{};
  CHECK(value(Dimension::kLocalIp, key) == "unknown");
  key.listener = 1;
  CHECK(value(Dimension::kLocalIp, key) == "::");
  CHECK(value(Dimension::kRemoteIp, key) == "unknown");
  set_address(key.local_ip, "0.0.0.0");
  CHECK(value(Dimension::kLocalIp, key) == "0.0.0.0");
  set_address(key.local_ip, "10.1.2.3");
  CHECK(value(Dimension::kLocalIp, key) == "10.1.2.3");
}

TEST_CASE("what is not known is unknown, whatever the dimension", "[groups]") {
  const tcpperf_group_key key{};
  for (int i = 0; i < TCPPERF_DIMENSIONS; ++i) {
    const auto dimension = static_cast<Dimension>(i);
    INFO(to_string(dimension));
    CHECK(value(dimension, key) == "unknown");
  }
}

TEST_CASE("values come in the order of the dimensions", "[groups]") {
  tcpperf_group_key key{};
  key.service_port = 443;
  key.pid = 4194304;
  key.role = TCPPERF_ROLE_SERVER;
  const GroupBy by = {Dimension::kServicePort, Dimension::kPid, Dimension::kCgroup, Dimension::kRole};
  CHECK(group_label_values(key, by, {}, Names()) == Values{"443", "4194304", "unknown", "server"});
  CHECK(other_label_values(by) == Values{"other", "other", "other", "other"});
  CHECK(group_label_values(key, {}, {}, Names()).empty());
}

TEST_CASE("each number is taken from its own field", "[groups]") {
  tcpperf_group_key key{};
  key.local_port = 1;
  key.remote_port = 2;
  key.service_port = 65535;
  key.pid = 4;
  key.netns = 4026531840;
  CHECK(value(Dimension::kLocalPort, key) == "1");
  CHECK(value(Dimension::kRemotePort, key) == "2");
  CHECK(value(Dimension::kServicePort, key) == "65535");
  CHECK(value(Dimension::kPid, key) == "4");
  CHECK(value(Dimension::kNetns, key) == "4026531840");
}

TEST_CASE("an address is written as its family writes it", "[groups]") {
  tcpperf_group_key key{};
  set_address(key.local_ip, "10.1.2.3");
  set_address(key.remote_ip, "2001:db8::1");
  CHECK(value(Dimension::kLocalIp, key) == "10.1.2.3");
  CHECK(value(Dimension::kRemoteIp, key) == "2001:db8::1");
  set_address(key.remote_ip, "::1");
  CHECK(value(Dimension::kRemoteIp, key) == "::1");
  set_address(key.remote_ip, "0.0.0.0");
  CHECK(value(Dimension::kRemoteIp, key) == "unknown");
}

TEST_CASE("a prefix is written with its length", "[groups]") {
  CHECK(prefix_of("10.1.2.0", {}) == "10.1.2.0/24");
  CHECK(prefix_of("2001:db8:1::", {}) == "2001:db8:1::/48");
  CHECK(prefix_of("10.1.2.3", {32, 48}) == "10.1.2.3/32");
  CHECK(prefix_of("128.0.0.0", {1, 48}) == "128.0.0.0/1");
  CHECK(prefix_of("2001:db8::1", {24, 128}) == "2001:db8::1/128");
  CHECK(prefix_of("8000::", {24, 1}) == "8000::/1");
}

TEST_CASE("an IPv4 prefix of zeros is known when peers can be in it", "[groups]") {
  CHECK(prefix_of("0.0.0.0", {7, 48}) == "0.0.0.0/7");
  CHECK(prefix_of("0.0.0.0", {8, 48}) == "unknown");
}

TEST_CASE("a name ends at its zero byte or at the end of the field", "[groups]") {
  CHECK(process("nginx") == "nginx");
  CHECK(process("sixteen-bytes-xy") == "sixteen-bytes-xy");
  CHECK(process(std::string("ab\0cd", 5)) == "ab");
  tcpperf_group_key key{};
  const std::string bbr = "bbr";
  const std::string eth0 = "eth0";
  std::copy(bbr.begin(), bbr.end(), key.congestion_control);
  std::copy(eth0.begin(), eth0.end(), key.interface);
  CHECK(value(Dimension::kCongestionControl, key) == "bbr");
  CHECK(value(Dimension::kInterface, key) == "eth0");
}

TEST_CASE("a name of any bytes becomes UTF-8", "[groups]") {
  CHECK(process("caf\xC3\xA9") == "caf\xC3\xA9");
  CHECK(process("a\xff\xfe") == "a\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(cgroup(9) == "/a\xEF\xBF\xBD");
}

TEST_CASE("a cgroup is named by its unit, and unknown when its path is", "[groups]") {
  CHECK(cgroup(7) == "nginx.service");
  CHECK(cgroup(8) == "/");
  CHECK(cgroup(6) == "unknown");
}

TEST_CASE("roles and families have words", "[groups]") {
  tcpperf_group_key key{};
  key.role = TCPPERF_ROLE_CLIENT;
  key.family = TCPPERF_FAMILY_IPV4;
  CHECK(value(Dimension::kRole, key) == "client");
  CHECK(value(Dimension::kFamily, key) == "ipv4");
  key.role = TCPPERF_ROLE_SERVER;
  key.family = TCPPERF_FAMILY_IPV6;
  CHECK(value(Dimension::kRole, key) == "server");
  CHECK(value(Dimension::kFamily, key) == "ipv6");
  key.role = 3;
  key.family = 255;
  CHECK(value(Dimension::kRole, key) == "unknown");
  CHECK(value(Dimension::kFamily, key) == "unknown");
}

TEST_CASE("a unit is the innermost service or scope of a path", "[groups]") {
  CHECK(unit_of("/system.slice/nginx.service") == "nginx.service");
  CHECK(unit_of("/system.slice/docker-0123.scope") == "docker-0123.scope");
  CHECK(unit_of("/user.slice/user-0.slice/user@0.service/app.slice/x.scope") == "x.scope");
  CHECK(unit_of("/machine.slice/m.scope/payload/system.slice/nginx.service/worker") == "nginx.service");
  CHECK(unit_of("ssh.service") == "ssh.service");
}

TEST_CASE("a path without a unit stays whole", "[groups]") {
  for (const std::string path : {"", "/", "/kubepods.slice/pod1.slice", "/a/.service", "/a.service.d/b", "/service"}) {
    CHECK(unit_of(path) == path);
  }
}

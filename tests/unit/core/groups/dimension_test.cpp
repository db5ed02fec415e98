// What connections can be told apart by.
#include "core/groups/dimension.h"

#include <set>
#include <string>
#include <string_view>

#include "catch.h"

using namespace tcpperf::core;

TEST_CASE("every dimension has a name of its own that leads back to it", "[groups]") {
  std::set<std::string_view> names;
  for (int i = 0; i < TCPPERF_DIMENSIONS; ++i) {
    const auto dimension = static_cast<Dimension>(i);
    INFO(to_string(dimension));
    CHECK_FALSE(to_string(dimension).empty());
    CHECK(names.insert(to_string(dimension)).second);
    CHECK(dimension_of(to_string(dimension)) == dimension);
    CHECK(dimension_names().at(static_cast<std::size_t>(i)) == to_string(dimension));
  }
  CHECK(dimension_names().size() == TCPPERF_DIMENSIONS);
  CHECK_FALSE(dimension_of(""));
  CHECK_FALSE(dimension_of("Role"));
  CHECK_FALSE(dimension_of("role "));
}

TEST_CASE("names are those of the enumerators", "[groups]") {
  CHECK(to_string(Dimension::kLocalIp) == "local_ip");
  CHECK(to_string(Dimension::kRemoteIp) == "remote_ip");
  CHECK(to_string(Dimension::kRemotePrefix) == "remote_prefix");
  CHECK(to_string(Dimension::kLocalPort) == "local_port");
  CHECK(to_string(Dimension::kRemotePort) == "remote_port");
  CHECK(to_string(Dimension::kServicePort) == "service_port");
  CHECK(to_string(Dimension::kProcess) == "process");
  CHECK(to_string(Dimension::kPid) == "pid");
  CHECK(to_string(Dimension::kCgroup) == "cgroup");
  CHECK(to_string(Dimension::kInterface) == "interface");
  CHECK(to_string(Dimension::kNetns) == "netns");
  CHECK(to_string(Dimension::kRole) == "role");
  CHECK(to_string(Dimension::kCongestionControl) == "congestion_control");
  CHECK(to_string(Dimension::kFamily) == "family");
}

TEST_CASE("a list of dimensions is sorted", "[groups]") {
  const auto by = make_group_by({Dimension::kRole, Dimension::kServicePort});
  REQUIRE(by);
  CHECK(*by == GroupBy{Dimension::kServicePort, Dimension::kRole});
  CHECK(to_string(*by) == "service_port,role");
  CHECK(make_group_by({})->empty());
  CHECK(to_string(GroupBy{}).empty());
}

TEST_CASE("a dimension is not given twice", "[groups]") {
  const auto by = make_group_by({Dimension::kRole, Dimension::kPid, Dimension::kRole});
  REQUIRE_FALSE(by);
  CHECK(by.error().message == "'role' is given twice");
}

TEST_CASE("remote_ip and remote_prefix exclude each other", "[groups]") {
  CHECK(make_group_by({Dimension::kLocalIp, Dimension::kRemotePrefix}));
  const auto by = make_group_by({Dimension::kRemotePrefix, Dimension::kFamily, Dimension::kRemoteIp});
  REQUIRE_FALSE(by);
  CHECK(by.error().message == "'remote_ip' tells apart all that 'remote_prefix' does; leave one of them out");
}

TEST_CASE("the mask has the bits of the BPF programs", "[groups]") {
  CHECK(to_mask({}) == 0);
  CHECK(to_mask({Dimension::kLocalIp}) == 1);
  CHECK(to_mask({Dimension::kFamily}) == 1U << TCPPERF_BY_FAMILY);
  CHECK(to_mask({Dimension::kServicePort, Dimension::kRole}) == ((1U << 5) | (1U << 11)));
}

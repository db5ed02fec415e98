// Which connections are measured: networks and ports.
#include <string>

#include "support.h"

using namespace tcpperf;
using tcpperf::test::Errors;
using tcpperf::test::errors_of;
using tcpperf::test::valid;

TEST_CASE("a scalar is a list of one", "[config]") {
  CHECK(valid("filter: {local_ip: 10.0.0.0/8}") == valid("filter: {local_ip: [10.0.0.0/8]}"));
  CHECK(valid("filter: {local_ip: ::1}").filter.local_ip.at(0) == *core::parse_cidr("::1"));
}

TEST_CASE("a bad network is an error at its place, the others of the list are still checked", "[config]") {
  CHECK(errors_of("filter:\n  remote_ip:\n    - 10.0.0.0/8\n    - 10.0.0.1/8\n    - here\n    - [1]\n") ==
        Errors{"4:7: filter.remote_ip[1]: '10.0.0.1/8' has bits set behind its prefix; the network is '10.0.0.0/8'",
               "5:7: filter.remote_ip[2]: 'here' is not an IP address; expected a network such as 10.0.0.0/8 or "
               "2001:db8::/32",
               "6:7: filter.remote_ip[3]: expected one of a list of networks, found a list"});
}

TEST_CASE("ports and port ranges are accepted from 1 to 65535", "[config]") {
  CHECK(valid("filter: {local_port: [1, 65535, 1-65535, 80-80]}").filter.local_port ==
        std::vector<config::PortRange>{{1, 1}, {65535, 65535}, {1, 65535}, {80, 80}});
}

TEST_CASE("what is not a port is an error", "[config]") {
  for (const std::string text : {"0", "65536", "-1", "80-", "-80", "1-65536", "0-80", "http", "080", "1-2-3", "80.0"}) {
    INFO(text);
    CHECK(errors_of("filter: {local_port: [" + text + "]}") ==
          Errors{"1:23: filter.local_port[0]: expected a port from 1 to 65535 or a range such as 8000-8100, found '" +
                 text + "'"});
  }
}

TEST_CASE("a reversed range is an error that shows the right way round", "[config]") {
  CHECK(errors_of("filter: {remote_port: 90-80}") ==
        Errors{"1:23: filter.remote_port: the range '90-80' is reversed; write 80-90"});
}

TEST_CASE("an entry given twice is an error, however it is written", "[config]") {
  CHECK(errors_of("filter:\n  local_ip:\n    - 1.2.3.4\n    - ::1\n    - ::ffff:1.2.3.4/128\n") ==
        Errors{"5:7: filter.local_ip[2]: duplicate entry; first given on line 3"});
  CHECK(errors_of("filter:\n  local_port: [443, 80,\n    443-443]\n") ==
        Errors{"3:5: filter.local_port[2]: duplicate entry; first given on line 2"});
}

TEST_CASE("the same entry in two lists is no duplicate", "[config]") {
  CHECK(valid("filter: {local_port: 80, remote_port: 80}").filter.remote_port.size() == 1);
}

TEST_CASE("a list has at most 1024 entries", "[config]") {
  std::string list;
  for (int port = 1; port <= 1024; ++port) {
    list += std::to_string(port) + ", ";
  }
  CHECK(valid("filter: {local_port: [" + list + "]}").filter.local_port.size() == 1024);
  CHECK(errors_of("filter: {local_port: [" + list + "2000]}") ==
        Errors{"1:22: filter.local_port: expected at most 1024 entries, found 1025"});
}

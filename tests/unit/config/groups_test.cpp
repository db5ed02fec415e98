// For whom: what connections are told apart by.
#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "support.h"

using namespace tcpperf;
using namespace std::chrono_literals;
using core::Dimension;
using core::GroupBy;
using tcpperf::test::Errors;
using tcpperf::test::errors_of;
using tcpperf::test::valid;

namespace {

const std::string kAllowed =
    "local_ip, remote_ip, remote_prefix, local_port, remote_port, service_port, process, pid, cgroup, interface, "
    "netns, "
    "role, congestion_control, family";

// Six probes, so that they can want more groupings than there are.
config::ParseOutcome parse_with_six(std::string_view text) {
  static const std::vector<core::ProbeDescriptor> probes = [] {
    std::vector<core::ProbeDescriptor> result(6);
    constexpr std::array<std::string_view, 6> kNames = {"a", "b", "c", "d", "e", "f"};
    for (std::size_t i = 0; i < result.size(); ++i) {
      result[i].name = kNames[i];
    }
    return result;
  }();
  static const core::ProbeDescriptor* const table[] = {&probes[0], &probes[1], &probes[2],
                                                       &probes[3], &probes[4], &probes[5]};
  return config::parse_config(text, {table, {}});
}

Errors errors_with_six(std::string_view text) {
  Errors errors;
  for (const config::ConfigError& error : parse_with_six(text).errors) {
    errors.push_back(config::format_error("f", error));
  }
  return errors;
}

}  // namespace

TEST_CASE("nothing is grouped without an entry", "[config]") {
  const config::Config config = valid("");
  CHECK(config.group_by.empty());
  CHECK(config.group_plan.groupings.empty());
  CHECK(config.group_plan.of("rtt").groups == 0);
  CHECK(config.group_plan.prefix == core::PrefixLengths{24, 48});
  CHECK(config.groups.idle_after == 10min);
  CHECK(valid("group_by: []") == config);
  CHECK(valid("group_by:") == config);
}

TEST_CASE("the top level's group_by is that of every probe", "[config]") {
  const config::Config config = valid("group_by: [role, service_port]");
  CHECK(config.group_by == GroupBy{Dimension::kServicePort, Dimension::kRole});
  CHECK(config.group_plan.groupings == std::vector<core::Grouping>{{config.group_by, 64}});
  CHECK(config.group_plan.of("rtt") == core::ProbeGrouping{0, 64});
  CHECK(config.group_plan.of("drop") == core::ProbeGrouping{0, 64});
}

TEST_CASE("a probe can have a list and a budget of its own", "[config]") {
  const config::Config config =
      valid("group_by: role\nprobes:\n  rtt: {group_by: process, series_budget: 1024}\n  drop: {series_budget: 1}\n");
  CHECK(config.group_plan.groupings ==
        std::vector<core::Grouping>{{{Dimension::kRole}, 1}, {{Dimension::kProcess}, 1024}});
  CHECK(config.group_plan.of("drop") == core::ProbeGrouping{0, 1});
  CHECK(config.group_plan.of("rtt") == core::ProbeGrouping{1, 1024});
}

TEST_CASE("an empty list switches grouping off for a probe", "[config]") {
  const config::Config config = valid("group_by: role\nprobes: {rtt: {group_by: []}}");
  CHECK(config.group_plan.of("rtt").groups == 0);
  CHECK(config.group_plan.of("drop").groups == 64);
}

TEST_CASE("a disabled probe has no groups", "[config]") {
  const config::Config config = valid("group_by: role\nprobes: {rtt: {enabled: false, group_by: pid}}");
  CHECK(config.group_plan.groupings.size() == 1);
  CHECK_FALSE(config.group_plan.probes.contains("rtt"));
}

TEST_CASE("a single dimension is a list of one", "[config]") {
  CHECK(valid("group_by: role") == valid("group_by: [role]"));
  CHECK(valid("probes: {rtt: {group_by: role}}") == valid("probes: {rtt: {group_by: [role]}}"));
}

TEST_CASE("an unknown dimension is an error at its place that names the known ones", "[config]") {
  CHECK(errors_of("group_by: roel") ==
        Errors{"1:11: group_by: unknown dimension 'roel'; did you mean 'role'? allowed: " + kAllowed});
  CHECK(errors_of("probes:\n  rtt:\n    group_by:\n      - role\n      - shoe_size\n      - [pid]\n") ==
        Errors{"5:9: probes.rtt.group_by[1]: unknown dimension 'shoe_size'; allowed: " + kAllowed,
               "6:9: probes.rtt.group_by[2]: expected one of a list of dimensions, found a list"});
  CHECK(errors_of("group_by: {role: true}") == Errors{"1:11: group_by: expected a list, found a map"});
}

TEST_CASE("a dimension given twice is an error", "[config]") {
  CHECK(errors_of("group_by:\n  - role\n  - pid\n  - role\n") ==
        Errors{"4:5: group_by[2]: duplicate entry; first given on line 2"});
}

TEST_CASE("remote_ip and remote_prefix together are an error", "[config]") {
  CHECK(errors_of("probes: {drop: {group_by: [remote_prefix, remote_ip]}}") ==
        Errors{"1:27: probes.drop.group_by: 'remote_ip' tells apart all that 'remote_prefix' does; leave one of them "
               "out"});
}

TEST_CASE("idle_after lies between 10s and 24h", "[config]") {
  CHECK(valid("groups: {idle_after: 10s}").groups.idle_after == 10s);
  CHECK(valid("groups: {idle_after: 24h}").groups.idle_after == 24h);
  for (const std::string text : {"9s999ms", "24h1ms", "0s"}) {
    CHECK(errors_of("groups: {idle_after: " + text + "}") ==
          Errors{"1:22: groups.idle_after: expected a duration from 10s to 24h, found '" + text + "'"});
  }
}

TEST_CASE("the lengths of prefixes are those of the families", "[config]") {
  CHECK(valid("groups: {remote_prefix_ipv4: 1, remote_prefix_ipv6: 1}").group_plan.prefix == core::PrefixLengths{1, 1});
  CHECK(valid("groups: {remote_prefix_ipv4: 32, remote_prefix_ipv6: 128}").group_plan.prefix ==
        core::PrefixLengths{32, 128});
  for (const std::string text : {"0", "33"}) {
    CHECK(errors_of("groups: {remote_prefix_ipv4: " + text + "}") ==
          Errors{"1:30: groups.remote_prefix_ipv4: expected a whole number from 1 to 32, found '" + text + "'"});
  }
  for (const std::string text : {"0", "129", "256"}) {
    CHECK(errors_of("groups: {remote_prefix_ipv6: " + text + "}") ==
          Errors{"1:30: groups.remote_prefix_ipv6: expected a whole number from 1 to 128, found '" + text + "'"});
  }
}

TEST_CASE("a budget is 1 to 1024 groups", "[config]") {
  for (const std::string text : {"0", "1025", "-1"}) {
    CHECK(errors_of("probes: {rtt: {series_budget: " + text + "}}") ==
          Errors{"1:31: probes.rtt.series_budget: expected a whole number from 1 to 1024, found '" + text + "'"});
  }
}

TEST_CASE("four groupings are valid, a fifth is an error where it is asked for", "[config]") {
  const std::string four =
      "group_by: role\nprobes:\n  a: {group_by: pid}\n  b: {group_by: netns}\n  c: {group_by: family}\n";
  const auto valid_four = parse_with_six(four);
  REQUIRE(valid_four.config);
  CHECK(valid_four.config->group_plan.groupings.size() == 4);

  const std::string message =
      "at most 4 different groupings are possible, these are 5: pid with 64 groups (a); netns with 64 groups (b); "
      "family with 64 groups (c); ";
  CHECK(errors_with_six(four + "  e: {series_budget: 8, group_by: cgroup}\n") ==
        Errors{"f:6:35: probes.e.group_by: " + message + "role with 64 groups (d, f); cgroup with 8 groups (e)"});
  CHECK(errors_with_six(four + "  e: {series_budget: 8}\n") ==
        Errors{"f:6:22: probes.e.series_budget: " + message + "role with 64 groups (d, f); role with 8 groups (e)"});
  CHECK(errors_with_six(four + "  d: {group_by: cgroup}\n") ==
        Errors{"f:1:11: group_by: " + message + "cgroup with 64 groups (d); role with 64 groups (e, f)"});
  CHECK(parse_with_six(four + "  e: {group_by: cgroup, enabled: false}\n").config);
}

TEST_CASE("groupings are not counted while an entry is faulty", "[config]") {
  const auto outcome = parse_with_six(
      "tick: 1\nprobes:\n  a: {group_by: pid}\n  b: {group_by: netns}\n  c: {group_by: family}\n  d: {group_by: "
      "role}\n  e: {group_by: cgroup}\n");
  REQUIRE(outcome.errors.size() == 1);
  CHECK(outcome.errors[0].line == 1);
}

// The blocks of the probes and the knobs that their descriptors define.
#include "support.h"

using namespace tcpperf;
using tcpperf::test::Errors;
using tcpperf::test::errors_of;
using tcpperf::test::valid;

TEST_CASE("an unknown probe is an error that names the known ones", "[config]") {
  CHECK(errors_of("probes:\n  dorp: {}\n") ==
        Errors{"2:3: probes: unknown key 'dorp'; did you mean 'drop'? allowed: rtt, drop"});
}

TEST_CASE("an unknown knob is an error that names those of this probe", "[config]") {
  CHECK(errors_of("probes:\n  drop: {sample_every: 2}\n") ==
        Errors{"2:10: probes.drop: unknown key 'sample_every'; allowed: enabled, required, group_by, "
               "series_budget"});
  CHECK(errors_of("probes:\n  rtt: {ignore_bellow: 1ms}\n") ==
        Errors{"2:9: probes.rtt: unknown key 'ignore_bellow'; did you mean 'ignore_below'? allowed: enabled, required, "
               "group_by, series_budget, raw, sample_every, ignore_below"});
}

TEST_CASE("only true and false are truth values", "[config]") {
  CHECK_FALSE(valid("probes: {rtt: {enabled: false}}").probes.at("rtt").enabled);
  for (const std::string text : {"yes", "on", "True", "1", "''"}) {
    INFO(text);
    const std::string found = text == "''" ? text : "'" + text + "'";
    CHECK(errors_of("probes: {rtt: {enabled: " + text + "}}") ==
          Errors{"1:25: probes.rtt.enabled: expected true or false, found " + found});
  }
  CHECK(errors_of("probes: {rtt: {raw: 0}}") == Errors{"1:21: probes.rtt.raw: expected true or false, found '0'"});
}

TEST_CASE("a count knob is a whole number in its range", "[config]") {
  CHECK(valid("probes: {rtt: {sample_every: 1}}").probes.at("rtt").knobs.at("sample_every") == 1);
  CHECK(valid("probes: {rtt: {sample_every: 1000}}").probes.at("rtt").knobs.at("sample_every") == 1000);
  for (const std::string text : {"0", "1001", "-1", "+1", "1.0", "0x10", "1e2", "010", "ten", "18446744073709551617"}) {
    INFO(text);
    CHECK(errors_of("probes: {rtt: {sample_every: " + text + "}}") ==
          Errors{"1:30: probes.rtt.sample_every: expected a whole number from 1 to 1000, found '" + text + "'"});
  }
}

TEST_CASE("a duration knob is kept in nanoseconds", "[config]") {
  CHECK(valid("probes: {rtt: {ignore_below: 0s}}").probes.at("rtt").knobs.at("ignore_below") == 0);
  CHECK(valid("probes: {rtt: {ignore_below: 1s}}").probes.at("rtt").knobs.at("ignore_below") == 1'000'000'000);
  CHECK(valid("probes: {rtt: {ignore_below: 1us1ns}}").probes.at("rtt").knobs.at("ignore_below") == 1'001);
  CHECK(errors_of("probes: {rtt: {ignore_below: 2s}}") ==
        Errors{"1:30: probes.rtt.ignore_below: expected a duration from 0s to 1s, found '2s'"});
  CHECK(errors_of("probes: {rtt: {ignore_below: 7}}") ==
        Errors{"1:30: probes.rtt.ignore_below: expected a duration with its unit (ns, us, ms, s, m or h), found '7'"});
}

TEST_CASE("a probe that cannot be grouped has no keys for it, and is not grouped by default", "[config]") {
  core::ProbeDescriptor kernel;
  kernel.name = "kernel";
  kernel.grouped = false;
  const core::ProbeDescriptor* const table[] = {&kernel};
  const auto grouped = config::parse_config("group_by: [role]", {table, {}});
  REQUIRE(grouped.config);
  CHECK(grouped.config->group_plan.groupings.empty());
  CHECK_FALSE(config::parse_config("probes: {kernel: {group_by: []}}", {table, {}}).config);
  CHECK_FALSE(config::parse_config("probes: {kernel: {series_budget: 1}}", {table, {}}).config);
}

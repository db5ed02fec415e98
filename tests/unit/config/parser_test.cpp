// The file as a whole: defaults, a file with everything, and what is wrong with maps and keys.
#include "config/parser.h"

#include <chrono>

#include "support.h"

using namespace std::chrono_literals;
using namespace tcpperf;
using tcpperf::test::Errors;
using tcpperf::test::errors_of;
using tcpperf::test::valid;

TEST_CASE("an empty file is the defaults, with every probe enabled and its knobs set", "[config]") {
  const config::Config config = valid("");
  CHECK(config.tick == 5s);
  CHECK(config.buckets_per_power_of_two == 1);
  CHECK(config.histograms_in_protobuf == core::ProtobufHistograms::kBoth);
  CHECK(config.filter == config::Filter{});
  CHECK(config.alerts.empty());
  CHECK(config.sinks.syslog);
  CHECK_FALSE(config.sinks.file);
  CHECK_FALSE(config.sinks.webhook);
  REQUIRE(config.probes.size() == 2);
  CHECK(config.probes.at("drop") == config::ProbeConfig{});
  CHECK(config.probes.at("rtt") ==
        config::ProbeConfig{true, false, {{"raw", 1}, {"sample_every", 1}, {"ignore_below", 50'000}}});
}

TEST_CASE("remarks, an empty document and empty sections are the defaults too", "[config]") {
  const config::Config defaults = valid("");
  for (const char* text :
       {"# a remark\n", "---\n", "---\n...\n", "\n\n", "~", "{}", "histograms:\nfilter:\nprobes:\nalerts:\nsinks:\n",
        "probes:\n  rtt:\nfilter:\n  local_ip:\nsinks:\n  file:\n  webhook: ~\n"}) {
    INFO(text);
    CHECK(valid(text) == defaults);
  }
}

TEST_CASE("a file with every key is read completely", "[config]") {
  const config::Config config = valid(R"(
tick: 10s
histograms: { buckets_per_power_of_two: 8, in_protobuf: native }
filter:
  local_ip: [10.0.0.0/8, "2001:db8::/32"]
  remote_ip: 192.0.2.7
  local_port: [443, 8000-8100]
  remote_port: 53
probes:
  rtt: { enabled: true, required: true, raw: false, sample_every: 1000, ignore_below: 1ms500us }
  drop:
    enabled: false
alerts:
  - name: tail
    condition: rtt_p99 / rtt_p50 > 10
    window: 1m30s
    for: 30s
    minimum_samples: 1000
    severity: critical
    diagnosis: >
      Some segments
      wait.
    action: Look.
  - { name: second_1, condition: "drop_rate > 1" }
sinks:
  syslog: false
  file: { path: /var/log/tcpperf/alerts.jsonl }
  webhook: { url: "https://[::1]:8080/x?y#z", timeout: 500ms, attempts: 10, queue: 1 }
)");
  CHECK(config.tick == 10s);
  CHECK(config.buckets_per_power_of_two == 8);
  CHECK(config.histograms_in_protobuf == core::ProtobufHistograms::kNative);
  config::Filter filter;
  filter.local_ip = {*core::parse_cidr("10.0.0.0/8"), *core::parse_cidr("2001:db8::/32")};
  filter.remote_ip = {*core::parse_cidr("192.0.2.7")};
  filter.local_port = {{443, 443}, {8000, 8100}};
  filter.remote_port = {{53, 53}};
  CHECK(config.filter == filter);
  CHECK(config.probes.at("rtt") ==
        config::ProbeConfig{true, true, {{"raw", 0}, {"sample_every", 1000}, {"ignore_below", 1'500'000}}});
  CHECK(config.probes.at("drop") == config::ProbeConfig{false, false, {}});
  REQUIRE(config.alerts.size() == 2);
  CHECK(config.alerts[0] == core::RuleSpec{"tail", "rtt_p99 / rtt_p50 > 10", 90s, 30s, 1000, core::Severity::kCritical,
                                           "Some segments wait.", "Look."});
  core::RuleSpec second;
  second.name = "second_1";
  second.condition = "drop_rate > 1";
  CHECK(config.alerts[1] == second);
  CHECK_FALSE(config.sinks.syslog);
  CHECK(config.sinks.file == config::FileSink{"/var/log/tcpperf/alerts.jsonl"});
  CHECK(config.sinks.webhook == config::WebhookSink{"https://[::1]:8080/x?y#z", 500ms, 10, 1});
}

TEST_CASE("an unknown key is an error that names the allowed ones", "[config]") {
  CHECK(errors_of("colour: red\n") == Errors{"1:1: unknown key 'colour'; allowed: tick, cpu_budget, histograms, "
                                             "filter, group_by, groups, probes, rule_files, alerts, "
                                             "sinks"});
}

TEST_CASE("a near miss of a key is recognised", "[config]") {
  CHECK(errors_of("tick: 5s\nfiler: {}\n") ==
        Errors{
            "2:1: unknown key 'filer'; did you mean 'filter'? allowed: tick, cpu_budget, histograms, filter, group_by, "
            "groups, probes, rule_files, alerts, sinks"});
  CHECK(errors_of("sinks:\n  sylsog: true\n") ==
        Errors{"2:3: sinks: unknown key 'sylsog'; did you mean 'syslog'? allowed: syslog, file, webhook"});
}

TEST_CASE("a key given twice is an error that names the first", "[config]") {
  CHECK(errors_of("tick: 5s\nfilter: {}\ntick: 6s\n") == Errors{"3:1: duplicate key 'tick'; first given on line 1"});
  CHECK(errors_of("sinks: {syslog: true, syslog: true}\n") ==
        Errors{"1:23: sinks: duplicate key 'syslog'; first given on line 1"});
}

TEST_CASE("a key given twice is an error even when the first is empty", "[config]") {
  CHECK(errors_of("filter:\nfilter:\n") == Errors{"2:1: duplicate key 'filter'; first given on line 1"});
}

TEST_CASE("a key that is not text is an error", "[config]") {
  CHECK(errors_of("[tick]: 5s\n") == Errors{"1:1: expected a key, found a list"});
  CHECK(errors_of("? {a: b}\n: c\n") == Errors{"1:3: expected a key, found a map"});
  CHECK(errors_of("filter: {~: 1}\n") == Errors{"1:9: filter: expected a key, found nothing"});
}

TEST_CASE("a list or a scalar in the place of a map is an error", "[config]") {
  CHECK(errors_of("- a\n") == Errors{"1:1: expected a map, found a list"});
  CHECK(errors_of("just text\n") == Errors{"1:1: expected a map, found 'just text'"});
  CHECK(errors_of("filter: [1]\n") == Errors{"1:9: filter: expected a map, found a list"});
  CHECK(errors_of("probes:\n  rtt: true\n") == Errors{"2:8: probes.rtt: expected a map, found 'true'"});
}

TEST_CASE("a map, a list or nothing in the place of a scalar is an error", "[config]") {
  CHECK(errors_of("tick: [5s]\n") == Errors{"1:7: tick: expected a duration from 100ms to 5m, found a list"});
  CHECK(errors_of("tick: {}\n") == Errors{"1:7: tick: expected a duration from 100ms to 5m, found a map"});
  CHECK(errors_of("tick:\nfilter: {}\n") == Errors{"1:1: tick: expected a duration from 100ms to 5m, found nothing"});
}

TEST_CASE("the tick is a duration in its range", "[config]") {
  CHECK(valid("tick: 100ms").tick == 100ms);
  CHECK(valid("tick: 5m").tick == 5min);
  CHECK(errors_of("tick: 99ms") == Errors{"1:7: tick: expected a duration from 100ms to 5m, found '99ms'"});
  CHECK(errors_of("tick: 5m1ms") == Errors{"1:7: tick: expected a duration from 100ms to 5m, found '5m1ms'"});
  CHECK(errors_of("tick: 99999999999999999999h") ==
        Errors{"1:7: tick: expected a duration from 100ms to 5m, found '99999999999999999999h'"});
  CHECK(errors_of("tick: 5") == Errors{"1:7: tick: expected a duration with its unit (ms, s, m or h), found '5'"});
  CHECK(errors_of("tick: soon") == Errors{"1:7: tick: expected a duration such as 500ms, 5s or 1m30s, found 'soon'"});
}

TEST_CASE("a scrape in protobuf carries both kinds of histograms, or one", "[config]") {
  CHECK(valid("histograms: {in_protobuf: both}") == valid(""));
  CHECK(valid("histograms: {in_protobuf: classic}").histograms_in_protobuf == core::ProtobufHistograms::kClassic);
  CHECK(valid("histograms: {in_protobuf: native}").histograms_in_protobuf == core::ProtobufHistograms::kNative);
  CHECK(errors_of("histograms:\n  in_protobuf: none") ==
        Errors{"2:16: histograms.in_protobuf: expected one of both, native, classic, found 'none'"});
}

TEST_CASE("classic histograms have 1, 2, 4 or 8 buckets per power of two", "[config]") {
  CHECK(valid("histograms: {buckets_per_power_of_two: 4}").buckets_per_power_of_two == 4);
  CHECK(errors_of("histograms:\n  buckets_per_power_of_two: 3") ==
        Errors{"2:29: histograms.buckets_per_power_of_two: expected one of 1, 2, 4, 8, found '3'"});
  CHECK(errors_of("histograms:\n  buckets_per_power_of_two: []") ==
        Errors{"2:29: histograms.buckets_per_power_of_two: expected one of 1, 2, 4, 8, found a list"});
}

TEST_CASE("all errors of a file are reported at once, by position", "[config]") {
  CHECK(errors_of("sinks: {syslog: maybe}\n"
                  "alerts: [{name: a, condition: unknown}]\n"
                  "filter: {local_port: [0]}\n"
                  "tick: 5\n"
                  "nope: 1\n") ==
        Errors{"1:17: sinks.syslog: expected true or false, found 'maybe'", "2:31: alerts[0].condition: unknown signal",
               "3:23: filter.local_port[0]: expected a port from 1 to 65535 or a range such as 8000-8100, found '0'",
               "4:7: tick: expected a duration with its unit (ms, s, m or h), found '5'",
               ("5:1: unknown key 'nope'; allowed: tick, cpu_budget, histograms, filter, group_by, groups, probes, "
                "rule_files, alerts, "
                "sinks")});
}

TEST_CASE("an alias is the value of its anchor, and an error in it has the place of the anchor", "[config]") {
  const config::Config config = valid("filter:\n  local_port: &ports [80, 443]\n  remote_port: *ports\n");
  CHECK(config.filter.remote_port == config.filter.local_port);
  CHECK(errors_of("probes: {rtt: &p {enabled: 1}, drop: *p}\n") ==
        Errors{"1:28: probes.rtt.enabled: expected true or false, found '1'",
               "1:28: probes.drop.enabled: expected true or false, found '1'"});
}

TEST_CASE("a value that contains itself ends in an error", "[config]") {
  CHECK(errors_of("filter: &f {local_ip: *f}\n") == Errors{"1:9: filter.local_ip: expected a list, found a map"});
  CHECK(errors_of("alerts: &a [*a]\n") == Errors{"1:9: alerts[0]: expected a map, found a list"});
}

TEST_CASE("the number of errors is bounded, and the last one says so", "[config]") {
  std::string text;
  for (int i = 0; i < 1500; ++i) {
    text += "key" + std::to_string(i) + ": 1\n";
  }
  const auto outcome = test::parse(text);
  REQUIRE(outcome.errors.size() == 1001);
  CHECK(outcome.errors.front().line == 1);
  CHECK(outcome.errors[999].line == 1000);
  CHECK(outcome.errors.back() == config::ConfigError{0, 0, "at most 1000 errors are reported; there may be more"});
}

TEST_CASE("a faulty part repeated by aliases does not multiply without bound", "[config]") {
  std::string text = "x: &x {";
  for (int i = 0; i < 5000; ++i) {
    text += "k" + std::to_string(i) + ": 1, ";
  }
  text += "}\nalerts: [";
  for (int i = 0; i < 1000; ++i) {
    text += "*x, ";
  }
  const auto outcome = test::parse(text + "]\n");
  CHECK_FALSE(outcome.config);
  CHECK(outcome.errors.size() <= 1001);
}

TEST_CASE("without check_condition every condition is accepted", "[config]") {
  const auto outcome =
      config::parse_config("alerts: [{name: a, condition: unknown > 1}]", {test::small_probe_table(), {}});
  REQUIRE(outcome.config);
  CHECK(outcome.config->alerts.size() == 1);
}

TEST_CASE("the CPU budget is off, or a share of one CPU", "[config]") {
  CHECK_FALSE(valid("").cpu_budget_ppm);
  CHECK_FALSE(valid("cpu_budget: off").cpu_budget_ppm);
  CHECK_FALSE(valid("cpu_budget: \"off\"").cpu_budget_ppm);
  CHECK(valid("cpu_budget: 0.5%").cpu_budget_ppm == 5'000U);
  CHECK(errors_of("tick: 1s\ncpu_budget: 0.5\n") ==
        Errors{"2:13: cpu_budget: expected off or a percentage of one CPU from 0.01% to 100%, such as 0.5%, found "
               "'0.5'"});
  CHECK(errors_of("cpu_budget: [1%]") ==
        Errors{"1:13: cpu_budget: expected off or a percentage of one CPU such as 0.5%, found a list"});
  CHECK(errors_of("cpu_budget:") ==
        Errors{"1:1: cpu_budget: expected off or a percentage of one CPU such as 0.5%, found nothing"});
}

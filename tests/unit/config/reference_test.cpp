// The generated documentation of the keys, and that it says what the parser does.
#include "config/reference.h"

#include <string>

#include "support.h"

using namespace tcpperf;
using tcpperf::test::small_probe_table;

namespace {

config::KeyRow row(const std::string& path) {
  for (config::KeyRow& candidate : config::key_rows(small_probe_table())) {
    if (candidate.path == path) {
      return candidate;
    }
  }
  FAIL("no row " << path);
  return {};
}

}  // namespace

TEST_CASE("the reference has every key of the file in its order", "[config]") {
  std::string paths;
  for (const config::KeyRow& key : config::key_rows(small_probe_table())) {
    paths += key.path + "\n";
  }
  CHECK(
      paths ==
      "tick\ncpu_budget\nhistograms\nhistograms.buckets_per_power_of_two\nhistograms.in_protobuf\n"
      "filter\nfilter.local_ip\nfilter.remote_ip\nfilter.local_port\nfilter.remote_port\n"
      "group_by\ngroups\ngroups.idle_after\ngroups.remote_prefix_ipv4\ngroups.remote_prefix_ipv6\n"
      "probes\nprobes.rtt\nprobes.rtt.enabled\nprobes.rtt.required\nprobes.rtt.group_by\nprobes.rtt.series_budget\n"
      "probes.rtt.raw\nprobes.rtt.sample_every\nprobes.rtt.ignore_below\n"
      "probes.drop\nprobes.drop.enabled\nprobes.drop.required\nprobes.drop.group_by\nprobes.drop.series_budget\n"
      "rule_files\nalerts\nalerts[].name\nalerts[].condition\nalerts[].window\nalerts[].for\nalerts[].minimum_samples\n"
      "alerts[].severity\nalerts[].diagnosis\nalerts[].action\n"
      "sinks\nsinks.syslog\nsinks.file\nsinks.file.path\nsinks.webhook\nsinks.webhook.url\nsinks.webhook.timeout\n"
      "sinks.webhook.attempts\nsinks.webhook.queue\n");
}

TEST_CASE("a row says type, default, range and meaning", "[config]") {
  const config::KeyRow tick = row("tick");
  CHECK(tick.type == "duration");
  CHECK(tick.fallback == "5s");
  CHECK(tick.range == "100ms to 5m");
  CHECK(tick.meaning == "How often alert conditions are judged.");
  CHECK(row("alerts[].name").fallback == "required");
  CHECK(row("alerts[].severity").fallback == "warning");
  CHECK(row("alerts[].severity").range == "info, warning, critical");
}

TEST_CASE("the rows of the grouping say what is allowed", "[config]") {
  CHECK(row("group_by").fallback == "empty");
  CHECK(row("group_by").range.starts_with("local_ip, remote_ip, remote_prefix, "));
  CHECK(row("groups.idle_after").fallback == "10m");
  CHECK(row("groups.idle_after").range == "10s to 24h");
  CHECK(row("groups.remote_prefix_ipv4").range == "1 to 32");
  CHECK(row("groups.remote_prefix_ipv6").range == "1 to 128");
  CHECK(row("probes.drop.group_by").fallback == "`group_by` of the top level");
  CHECK(row("probes.drop.series_budget").fallback == "64");
  CHECK(row("probes.drop.series_budget").range == "1 to 1024");
}

TEST_CASE("a knob's row comes from its descriptor", "[config]") {
  CHECK(row("probes.rtt").meaning == "How long do segments take?");
  CHECK(row("probes.rtt.raw").fallback == "true");
  CHECK(row("probes.rtt.sample_every").range == "1 to 1000");
  CHECK(row("probes.rtt.ignore_below").fallback == "50us");
  CHECK(row("probes.rtt.ignore_below").range == "0s to 1s");
  CHECK(row("probes.rtt.ignore_below").meaning == "Too short.");
}

TEST_CASE("every row has a type and a meaning", "[config]") {
  for (const config::KeyRow& key : config::key_rows(small_probe_table())) {
    INFO(key.path);
    CHECK_FALSE(key.type.empty());
    CHECK_FALSE(key.meaning.empty());
  }
}

TEST_CASE("a file with the defaults of the reference is the default configuration", "[config]") {
  CHECK(test::valid(
            "tick: " + row("tick").fallback +
            "\nhistograms: {buckets_per_power_of_two: " + row("histograms.buckets_per_power_of_two").fallback +
            ", in_protobuf: " + row("histograms.in_protobuf").fallback + "}\ngroup_by: []\ngroups: {idle_after: " +
            row("groups.idle_after").fallback + ", remote_prefix_ipv4: " + row("groups.remote_prefix_ipv4").fallback +
            ", remote_prefix_ipv6: " + row("groups.remote_prefix_ipv6").fallback +
            "}\nprobes: {rtt: {series_budget: " + row("probes.rtt.series_budget").fallback +
            ", enabled: " + row("probes.rtt.enabled").fallback + ", required: " + row("probes.rtt.required").fallback +
            ", raw: " + row("probes.rtt.raw").fallback + ", sample_every: " + row("probes.rtt.sample_every").fallback +
            ", ignore_below: " + row("probes.rtt.ignore_below").fallback +
            "}}\nsinks: {syslog: " + row("sinks.syslog").fallback + "}\n") == test::valid(""));
}

TEST_CASE("the reference is a Markdown table", "[config]") {
  const std::string text = config::config_reference({});
  CHECK(text.starts_with("| Key | Type | Default | Range | Meaning |\n| --- | --- | --- | --- | --- |\n"));
  CHECK(text.find("| `tick` | duration | 5s | 100ms to 5m | How often alert conditions are judged. |\n") !=
        std::string::npos);
}

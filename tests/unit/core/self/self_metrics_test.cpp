// What the daemon says about itself.
#include "core/self/self_metrics.h"

#include <algorithm>

#include "catch.h"

namespace {

using namespace tcpperf::core;

SelfReport full_report() {
  SelfReport report;
  report.version = "1.2.3";
  report.probes = {{"rtt", {ProbeStatus::kDegraded, "why"}}};
  report.programs = {{"on_ack", "tp_btf/tcp_probe", true, {"rtt", "retransmit"}}};
  report.program_runs = {{"on_ack", 7, 0.5}};
  report.maps = {{"m", 1, 2, 3}};
  report.groupings = {{{{Dimension::kServicePort, Dimension::kRole}, 64}, 3, 5, 7},
                      {{{Dimension::kServicePort, Dimension::kRole}, 8}, 8, 1, 0},
                      {{{Dimension::kServicePort, Dimension::kRole}, 8, true}, 2, 0, 0}};
  report.lost_updates = {{"flow_memory", 5}};
  report.collect_failures = {{"tcp_states", 1}};
  report.alerts = {{"slow", Severity::kCritical, true, true, 4}};
  report.deliveries = {{"syslog", 3, 2, 1}};
  report.http_responses = {{"200", 9}};
  report.budget = {0.005, 0.004, 0.001, 7.5, 2, 3, 1};
  report.web_config = WebConfigReport{true, 1e9};
  report.process = ProcessReport{1.5, 100, 200, 3, 1024, 2, 1e9};
  return report;
}

double value_of(const Snapshot& snapshot, std::string_view metric, const std::vector<std::string>& labels) {
  const Family* family = snapshot.find(metric);
  REQUIRE(family != nullptr);
  for (const Series& series : family->series) {
    if (*series.labels == labels) {
      return std::get<double>(series.value);
    }
  }
  FAIL("no such series of " << metric);
  return 0;
}

}  // namespace

TEST_CASE("a full report exports every self metric once, in the order of the table", "[self]") {
  Snapshot snapshot;
  append_self_metrics(full_report(), snapshot);
  REQUIRE(snapshot.families.size() == self_metric_specs().size());
  for (std::size_t i = 0; i < snapshot.families.size(); ++i) {
    INFO(snapshot.families[i].spec->name);
    CHECK(snapshot.families[i].spec == self_metric_specs()[i]);
    for (const Series& series : snapshot.families[i].series) {
      CHECK(series.labels->size() == snapshot.families[i].spec->labels.size());
    }
  }
}

TEST_CASE("a probe is in exactly one status", "[self]") {
  Snapshot snapshot;
  append_self_metrics(full_report(), snapshot);
  CHECK(value_of(snapshot, "tcpperf_probe_status", {"rtt", "degraded"}) == 1);
  CHECK(value_of(snapshot, "tcpperf_probe_status", {"rtt", "ok"}) == 0);
  double sum = 0;
  for (const Series& series : snapshot.find("tcpperf_probe_status")->series) {
    sum += std::get<double>(series.value);
  }
  CHECK(sum == 1);
}

TEST_CASE("values arrive under their labels", "[self]") {
  Snapshot snapshot;
  append_self_metrics(full_report(), snapshot);
  CHECK(value_of(snapshot, "tcpperf_program_attached", {"retransmit", "on_ack", "tp_btf/tcp_probe"}) == 1);
  CHECK(value_of(snapshot, "tcpperf_alert_deliveries_total", {"syslog", "failed"}) == 2);
  CHECK(value_of(snapshot, "tcpperf_alerts_total", {"slow", "critical"}) == 4);
  CHECK(value_of(snapshot, "tcpperf_map_capacity", {"m"}) == 2);
  CHECK(value_of(snapshot, "process_open_fds", {}) == 3);
}

TEST_CASE("groupings with the same list are told apart by their budget, and by what they are of", "[self]") {
  Snapshot snapshot;
  append_self_metrics(full_report(), snapshot);
  const std::vector<std::string> large = {"service_port,role", "64", "connections"};
  const std::vector<std::string> small = {"service_port,role", "8", "connections"};
  CHECK(value_of(snapshot, "tcpperf_groups", large) == 3);
  CHECK(value_of(snapshot, "tcpperf_groups", small) == 8);
  CHECK(value_of(snapshot, "tcpperf_groups", {"service_port,role", "8", "listeners"}) == 2);
  CHECK(value_of(snapshot, "tcpperf_group_capacity", large) == 64);
  CHECK(value_of(snapshot, "tcpperf_group_capacity", small) == 8);
  CHECK(value_of(snapshot, "tcpperf_group_overflow_total", large) == 5);
  CHECK(value_of(snapshot, "tcpperf_group_overflow_total", small) == 1);
  CHECK(value_of(snapshot, "tcpperf_groups_retired_total", large) == 7);
  CHECK(value_of(snapshot, "tcpperf_groups_retired_total", small) == 0);
}

TEST_CASE("without groupings there are no metrics of groups", "[self]") {
  SelfReport report = full_report();
  report.groupings.clear();
  Snapshot snapshot;
  append_self_metrics(report, snapshot);
  CHECK(snapshot.find("tcpperf_groups") == nullptr);
  CHECK(snapshot.find("tcpperf_group_overflow_total") == nullptr);
}

TEST_CASE("what is not known is not exported", "[self]") {
  SelfReport report = full_report();
  report.process.reset();
  report.program_runs.clear();
  Snapshot snapshot;
  append_self_metrics(report, snapshot);
  CHECK(snapshot.find("process_cpu_seconds_total") == nullptr);
  CHECK(snapshot.find("tcpperf_program_runs_total") == nullptr);
}

TEST_CASE("what a budget costs and leads to is told, and what is not known is not", "[self]") {
  SelfReport report = full_report();
  Snapshot known;
  append_self_metrics(report, known);
  CHECK(value_of(known, "tcpperf_cpu_budget_ratio", {}) == 0.005);
  CHECK(value_of(known, "tcpperf_cpu_cost_ratio", {"programs"}) == 0.004);
  CHECK(value_of(known, "tcpperf_cpu_cost_ratio", {"daemon"}) == 0.001);
  CHECK(value_of(known, "tcpperf_bpf_cpu_seconds_total", {}) == 7.5);
  CHECK(value_of(known, "tcpperf_sampling_level", {}) == 2);
  CHECK(value_of(known, "tcpperf_sampling_ratio", {}) == 0.25);
  CHECK(value_of(known, "tcpperf_sampling_transitions_total", {"down"}) == 3);
  CHECK(value_of(known, "tcpperf_sampling_transitions_total", {"up"}) == 1);
  report.budget = {};
  Snapshot off;
  append_self_metrics(report, off);
  for (const char* const name :
       {"tcpperf_cpu_budget_ratio", "tcpperf_cpu_cost_ratio", "tcpperf_bpf_cpu_seconds_total"}) {
    CHECK(off.find(name) == nullptr);
  }
  CHECK(value_of(off, "tcpperf_sampling_ratio", {}) == 1);
}

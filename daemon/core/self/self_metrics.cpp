#include "core/self/self_metrics.h"

#include <array>
#include <memory>

#include "core/budget/ladder.h"

namespace tcpperf::core {
namespace {

using Values = std::vector<std::string>;

const MetricSpec kBuildInfo{
    "tcpperf_build_info", "Always 1; the labels describe this build.", MetricKind::kGauge, Unit::kNone, {"version"}};
const MetricSpec kProbeStatus{"tcpperf_probe_status",
                              "1 for the status each probe is in, 0 for all others; /probes gives the reason.",
                              MetricKind::kGauge,
                              Unit::kNone,
                              {"probe", "status"}};
const MetricSpec kProgramAttached{"tcpperf_program_attached",
                                  "Whether the BPF program is attached to its hook, for each probe that listens on it.",
                                  MetricKind::kGauge,
                                  Unit::kNone,
                                  {"probe", "program", "hook"}};
const MetricSpec kProgramRuns{"tcpperf_program_runs_total",
                              "Runs of the BPF program, reloads included; only while kernel.bpf_stats_enabled is 1.",
                              MetricKind::kCounter,
                              Unit::kNone,
                              {"program"}};
const MetricSpec kProgramRunSeconds{
    "tcpperf_program_run_seconds_total",
    "Time spent in the BPF program, reloads included, without the cost of entering it; only while "
    "kernel.bpf_stats_enabled is 1.",
    MetricKind::kCounter,
    Unit::kSeconds,
    {"program"}};
const MetricSpec kCpuBudget{"tcpperf_cpu_budget_ratio",
                            "cpu_budget of the configuration: CPU time that the BPF programs may take, 1 is one CPU. "
                            "Absent when it is off.",
                            MetricKind::kGauge,
                            Unit::kRatio,
                            {}};
const MetricSpec kCpuCost{
    "tcpperf_cpu_cost_ratio",
    "CPU time that is taken, 1 is one CPU: programs, by the BPF programs on events, in the window of the last "
    "measurement, without what measuring takes of it; daemon, by the daemon itself, what runs in the kernel at a "
    "reading included, from that measurement to the one before. The budget is for programs alone. Absent when "
    "cpu_budget is off; programs alone when the kernel does not let the daemon time them, so that the budget has no "
    "effect.",
    MetricKind::kGauge,
    Unit::kRatio,
    {"part"}};
const MetricSpec kProgramsCpu{
    "tcpperf_bpf_cpu_seconds_total",
    "Estimated CPU time of the BPF programs on events: what each measurement found, over the time since the one "
    "before. Not counted: times without a measurement, as with cpu_budget off. Absent as long as there was none.",
    MetricKind::kCounter,
    Unit::kSeconds,
    {}};
const MetricSpec kSamplingLevel{
    "tcpperf_sampling_level",
    "What cpu_budget has led to: 0, all connections are looked at; n from 1 to 6, per segment and per call one of 2^n; "
    "7, none.",
    MetricKind::kGauge,
    Unit::kNone,
    {}};
const MetricSpec kSamplingRatio{
    "tcpperf_sampling_ratio",
    "The part of the connections that is looked at per segment and per call. Below 1, what only that tells is scaled "
    "up from these, as its help says; everything else is exact always.",
    MetricKind::kGauge,
    Unit::kRatio,
    {}};
const MetricSpec kSamplingTransitions{
    "tcpperf_sampling_transitions_total",
    "How often cpu_budget has changed the part of the connections that is looked at: down, to fewer; up, to more.",
    MetricKind::kCounter,
    Unit::kNone,
    {"direction"}};
const MetricSpec kMapEntries{
    "tcpperf_map_entries", "Elements in use; of an array, all.", MetricKind::kGauge, Unit::kNone, {"map"}};
const MetricSpec kMapCapacity{
    "tcpperf_map_capacity", "Elements that fit, fixed at load.", MetricKind::kGauge, Unit::kNone, {"map"}};
const MetricSpec kMapBytes{"tcpperf_map_bytes",
                           "Size of all elements when full, fixed at load; without the kernel's own overhead, and "
                           "without the state kept per socket, about 300 bytes.",
                           MetricKind::kGauge,
                           Unit::kBytes,
                           {"map"}};
const MetricSpec kGroups{"tcpperf_groups",
                         "Groups in use, by grouping: the dimensions, the series_budget, and of what: connections, or "
                         "listeners, whose connections are with them. Two of them are one series when their labels are "
                         "alike (cgroups of one unit).",
                         MetricKind::kGauge,
                         Unit::kNone,
                         {"group_by", "budget", "of"}};
const MetricSpec kGroupCapacity{"tcpperf_group_capacity",
                                "The most groups of the grouping that can have series of their own, fixed at load.",
                                MetricKind::kGauge,
                                Unit::kNone,
                                {"group_by", "budget", "of"}};
const MetricSpec kGroupOverflow{
    "tcpperf_group_overflow_total",
    "How often a socket was counted in the group other because the grouping had no room for its own.",
    MetricKind::kCounter,
    Unit::kNone,
    {"group_by", "budget", "of"}};
const MetricSpec kGroupsRetired{"tcpperf_groups_retired_total",
                                "Groups without connections for idle_after, whose series ended and whose past was "
                                "added to the group other.",
                                MetricKind::kCounter,
                                Unit::kNone,
                                {"group_by", "budget", "of"}};
const MetricSpec kLostUpdates{
    "tcpperf_lost_updates_total",
    "Events that were seen but not measured: flow_memory (no memory for a socket's state), rtt_sample (it came out "
    "negative, so an earlier event of the flow was missed), synack_memory (a passive handshake whose SYN-ACK was sent "
    "again is counted without its duration: since then too many others were sent again, or that was not seen), "
    "owner_memory (the process of a socket stays unknown), listener_memory (the connections of a listener are in the "
    "group other), highest (a highest value may have been higher), program_recursion (a softirq interrupted a running "
    "program).",
    MetricKind::kCounter,
    Unit::kNone,
    {"reason"}};
const MetricSpec kCollectDuration{"tcpperf_collect_duration_seconds",
                                  "Duration of the reading that this scrape shows, without encoding it.",
                                  MetricKind::kGauge,
                                  Unit::kSeconds,
                                  {}};
const MetricSpec kCollectFailures{"tcpperf_collect_failures_total",
                                  "Readings of a source that failed; its metrics are missing from that scrape.",
                                  MetricKind::kCounter,
                                  Unit::kNone,
                                  {"source"}};
const MetricSpec kNamespaces{"tcpperf_connections_namespaces",
                             "Network namespaces whose sockets are (counted), or are not (failed), part of "
                             "tcpperf_connections.",
                             MetricKind::kGauge,
                             Unit::kNone,
                             {"result"}};
const MetricSpec kReloadSuccessful{"tcpperf_config_last_reload_successful",
                                   "1 when the last attempt to load the configuration succeeded, else 0: the daemon "
                                   "then runs on with the one before.",
                                   MetricKind::kGauge,
                                   Unit::kNone,
                                   {}};
const MetricSpec kReloadTime{"tcpperf_config_last_reload_success_timestamp_seconds",
                             "When the configuration in force was loaded.",
                             MetricKind::kGauge,
                             Unit::kTimestampSeconds,
                             {}};
const MetricSpec kAlertActive{
    "tcpperf_alert_active", "1 while the alert fires, else 0.", MetricKind::kGauge, Unit::kNone, {"alert", "severity"}};
const MetricSpec kAlertEvaluable{
    "tcpperf_alert_evaluable",
    "1 when the rule could be judged at the last tick; 0 when a signal is missing or stands "
    "on fewer observations than minimum_samples.",
    MetricKind::kGauge,
    Unit::kNone,
    {"alert"}};
const MetricSpec kAlerts{"tcpperf_alerts_total",
                         "How often the alert began to fire.",
                         MetricKind::kCounter,
                         Unit::kNone,
                         {"alert", "severity"}};
const MetricSpec kDeliveries{"tcpperf_alert_deliveries_total",
                             "Alert events handed to a sink, by what became of them: delivered, failed (given up after "
                             "the last attempt), dropped (queue full, or shutdown).",
                             MetricKind::kCounter,
                             Unit::kNone,
                             {"sink", "result"}};
const MetricSpec kHttpResponses{
    "tcpperf_http_responses_total", "HTTP responses by status code.", MetricKind::kCounter, Unit::kNone, {"code"}};
const MetricSpec kHttpUnfinished{
    "tcpperf_http_responses_unfinished_total",
    "HTTP responses that were begun and did not get to their client as a whole: it hung up, or read nothing for too "
    "long, or its connection was closed to make room for another. Requests that had come behind them on the connection "
    "were not read, and are not counted.",
    MetricKind::kCounter,
    Unit::kNone,
    {}};
const MetricSpec kHttpRefused{"tcpperf_http_connections_refused_total",
                              "HTTP connections closed at once because too many were open.",
                              MetricKind::kCounter,
                              Unit::kConnections,
                              {}};
const MetricSpec kHttpEvicted{"tcpperf_http_connections_evicted_total",
                              "HTTP connections closed to make room for another: all places were taken, and these had "
                              "waited for their client the "
                              "longest.",
                              MetricKind::kCounter,
                              Unit::kConnections,
                              {}};
const MetricSpec kHttpUnanswered{
    "tcpperf_http_connections_unanswered_total",
    "HTTP connections that ended before any response: their TLS handshake failed, or they did not ask for anything in "
    "time. Some of those that were answered with an error at once, because what they sent was not HTTP, are among "
    "them.",
    MetricKind::kCounter,
    Unit::kConnections,
    {}};
const MetricSpec kWebReloadSuccessful{
    "tcpperf_web_config_last_reload_successful",
    "1 when the last attempt to load the web configuration (--web.config.file) and the files that it names succeeded, "
    "else 0: the one before is in force then. Absent without such a file.",
    MetricKind::kGauge,
    Unit::kNone,
    {}};
const MetricSpec kWebReloadTime{"tcpperf_web_config_last_reload_success_timestamp_seconds",
                                "When the web configuration in force was loaded.",
                                MetricKind::kGauge,
                                Unit::kTimestampSeconds,
                                {}};
const MetricSpec kCpu{
    "process_cpu_seconds_total", "User and system CPU time of the daemon.", MetricKind::kCounter, Unit::kSeconds, {}};
const MetricSpec kResident{
    "process_resident_memory_bytes", "Resident memory of the daemon.", MetricKind::kGauge, Unit::kBytes, {}};
const MetricSpec kVirtual{
    "process_virtual_memory_bytes", "Virtual memory of the daemon.", MetricKind::kGauge, Unit::kBytes, {}};
const MetricSpec kOpenFds{"process_open_fds", "Open file descriptors.", MetricKind::kGauge, Unit::kNone, {}};
const MetricSpec kMaxFds{"process_max_fds", "Limit of open file descriptors.", MetricKind::kGauge, Unit::kNone, {}};
const MetricSpec kThreads{"process_threads", "Threads of the daemon.", MetricKind::kGauge, Unit::kNone, {}};
const MetricSpec kStartTime{
    "process_start_time_seconds", "When the daemon was started.", MetricKind::kGauge, Unit::kTimestampSeconds, {}};

class Appender {
 public:
  explicit Appender(Snapshot& snapshot) : snapshot_(snapshot) {}

  // Values of one metric follow each other: the family is opened by the first.
  void add(const MetricSpec& spec, Values labels, double value) {
    if (snapshot_.families.empty() || snapshot_.families.back().spec != &spec) {
      snapshot_.families.push_back({&spec, {}});
    }
    snapshot_.families.back().series.push_back({std::make_shared<const Values>(std::move(labels)), value});
  }
  void add(const MetricSpec& spec, Values labels, std::uint64_t value) {
    add(spec, std::move(labels), static_cast<double>(value));
  }

 private:
  Snapshot& snapshot_;
};

void append_probes(const SelfReport& report, Appender& out) {
  for (const ProbeReport& probe : report.probes) {
    for (const ProbeStatus status : kAllProbeStatuses) {
      out.add(kProbeStatus, {std::string(probe.probe), std::string(to_string(status))},
              probe.health.status == status ? 1.0 : 0.0);
    }
  }
  for (const ProgramReport& program : report.programs) {
    for (const std::string_view probe : program.probes) {
      out.add(kProgramAttached, {std::string(probe), program.program, program.hook}, program.attached ? 1.0 : 0.0);
    }
  }
  for (const ProgramRunReport& run : report.program_runs) {
    out.add(kProgramRuns, {run.program}, run.runs);
  }
  for (const ProgramRunReport& run : report.program_runs) {
    out.add(kProgramRunSeconds, {run.program}, run.run_seconds);
  }
}

void append_budget(const BudgetReport& budget, Appender& out) {
  if (budget.budget_cpus) {
    out.add(kCpuBudget, {}, *budget.budget_cpus);
  }
  if (budget.programs_cpus) {
    out.add(kCpuCost, {"programs"}, *budget.programs_cpus);
  }
  if (budget.daemon_cpus) {
    out.add(kCpuCost, {"daemon"}, *budget.daemon_cpus);
  }
  if (budget.programs_seconds) {
    out.add(kProgramsCpu, {}, *budget.programs_seconds);
  }
  out.add(kSamplingLevel, {}, std::uint64_t{budget.level});
  out.add(kSamplingRatio, {}, sampling_ratio(budget.level));
  out.add(kSamplingTransitions, {"down"}, budget.moves_down);
  out.add(kSamplingTransitions, {"up"}, budget.moves_up);
}

Values labels_of(const Grouping& grouping) {
  return {to_string(grouping.by), std::to_string(grouping.capacity),
          grouping.of_listeners ? "listeners" : "connections"};
}

void append_groupings(const SelfReport& report, Appender& out) {
  for (const GroupingReport& entry : report.groupings) {
    out.add(kGroups, labels_of(entry.grouping), entry.groups);
  }
  for (const GroupingReport& entry : report.groupings) {
    out.add(kGroupCapacity, labels_of(entry.grouping), std::uint64_t{entry.grouping.capacity});
  }
  for (const GroupingReport& entry : report.groupings) {
    out.add(kGroupOverflow, labels_of(entry.grouping), entry.overflows);
  }
  for (const GroupingReport& entry : report.groupings) {
    out.add(kGroupsRetired, labels_of(entry.grouping), entry.retired);
  }
}

void append_collection(const SelfReport& report, Appender& out) {
  for (const MapReport& map : report.maps) {
    out.add(kMapEntries, {map.map}, map.entries);
  }
  for (const MapReport& map : report.maps) {
    out.add(kMapCapacity, {map.map}, map.capacity);
  }
  for (const MapReport& map : report.maps) {
    out.add(kMapBytes, {map.map}, map.bytes);
  }
  for (const auto& [reason, count] : report.lost_updates) {
    out.add(kLostUpdates, {std::string(reason)}, count);
  }
  out.add(kCollectDuration, {}, report.collect_duration_seconds);
  for (const auto& [source, count] : report.collect_failures) {
    out.add(kCollectFailures, {std::string(source)}, count);
  }
  out.add(kNamespaces, {"counted"}, std::uint64_t{report.namespaces_counted});
  out.add(kNamespaces, {"failed"}, std::uint64_t{report.namespaces_failed});
  out.add(kReloadSuccessful, {}, report.reload_successful ? 1.0 : 0.0);
  out.add(kReloadTime, {}, report.reload_success_unix_seconds);
}

void append_alerts(const SelfReport& report, Appender& out) {
  for (const AlertReport& alert : report.alerts) {
    out.add(kAlertActive, {alert.alert, std::string(to_string(alert.severity))}, alert.active ? 1.0 : 0.0);
  }
  for (const AlertReport& alert : report.alerts) {
    out.add(kAlertEvaluable, {alert.alert}, alert.evaluable ? 1.0 : 0.0);
  }
  for (const AlertReport& alert : report.alerts) {
    out.add(kAlerts, {alert.alert, std::string(to_string(alert.severity))}, alert.fired);
  }
  for (const DeliveryReport& sink : report.deliveries) {
    out.add(kDeliveries, {std::string(sink.sink), "delivered"}, sink.delivered);
    out.add(kDeliveries, {std::string(sink.sink), "failed"}, sink.failed);
    out.add(kDeliveries, {std::string(sink.sink), "dropped"}, sink.dropped);
  }
}

void append_process(const ProcessReport& process, Appender& out) {
  out.add(kCpu, {}, process.cpu_seconds);
  out.add(kResident, {}, process.resident_bytes);
  out.add(kVirtual, {}, process.virtual_bytes);
  out.add(kOpenFds, {}, process.open_fds);
  if (process.max_fds) {
    out.add(kMaxFds, {}, *process.max_fds);
  }
  out.add(kThreads, {}, process.threads);
  if (process.start_time_unix_seconds) {
    out.add(kStartTime, {}, *process.start_time_unix_seconds);
  }
}

}  // namespace

void append_self_metrics(const SelfReport& report, Snapshot& snapshot) {
  Appender out(snapshot);
  out.add(kBuildInfo, {std::string(report.version)}, 1.0);
  append_probes(report, out);
  append_budget(report.budget, out);
  append_groupings(report, out);
  append_collection(report, out);
  append_alerts(report, out);
  for (const auto& [code, count] : report.http_responses) {
    out.add(kHttpResponses, {std::string(code)}, count);
  }
  out.add(kHttpUnfinished, {}, report.http_responses_unfinished);
  out.add(kHttpRefused, {}, report.http_connections_refused);
  out.add(kHttpEvicted, {}, report.http_connections_evicted);
  out.add(kHttpUnanswered, {}, report.http_connections_unanswered);
  if (report.web_config) {
    out.add(kWebReloadSuccessful, {}, report.web_config->reload_successful ? 1.0 : 0.0);
    out.add(kWebReloadTime, {}, report.web_config->reload_success_unix_seconds);
  }
  if (report.process) {
    append_process(*report.process, out);
  }
}

std::span<const MetricSpec* const> self_metric_specs() {
  static const std::array kSpecs{
      &kBuildInfo,
      &kProbeStatus,
      &kProgramAttached,
      &kProgramRuns,
      &kProgramRunSeconds,
      &kCpuBudget,
      &kCpuCost,
      &kProgramsCpu,
      &kSamplingLevel,
      &kSamplingRatio,
      &kSamplingTransitions,
      &kGroups,
      &kGroupCapacity,
      &kGroupOverflow,
      &kGroupsRetired,
      &kMapEntries,
      &kMapCapacity,
      &kMapBytes,
      &kLostUpdates,
      &kCollectDuration,
      &kCollectFailures,
      &kNamespaces,
      &kReloadSuccessful,
      &kReloadTime,
      &kAlertActive,
      &kAlertEvaluable,
      &kAlerts,
      &kDeliveries,
      &kHttpResponses,
      &kHttpUnfinished,
      &kHttpRefused,
      &kHttpEvicted,
      &kHttpUnanswered,
      &kWebReloadSuccessful,
      &kWebReloadTime,
      &kCpu,
      &kResident,
      &kVirtual,
      &kOpenFds,
      &kMaxFds,
      &kThreads,
      &kStartTime,
  };
  return kSpecs;
}

}  // namespace tcpperf::core

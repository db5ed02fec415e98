// What the daemon tells about itself, as values in and families out. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/groups/plan.h"
#include "core/metrics/snapshot.h"
#include "core/probe/health.h"
#include "core/rules/rule.h"

namespace tcpperf::core {

struct ProbeReport {
  std::string_view probe;
  ProbeHealth health;
};

struct ProgramReport {
  std::string program;
  std::string hook;
  bool attached = false;
  std::vector<std::string_view> probes;
};

// Present only where the kernel measures it (kernel.bpf_stats_enabled).
struct ProgramRunReport {
  std::string program;
  std::uint64_t runs = 0;
  double run_seconds = 0;
};

struct MapReport {
  std::string map;
  std::uint64_t entries = 0;
  std::uint64_t capacity = 0;
  std::uint64_t bytes = 0;
};

struct GroupingReport {
  Grouping grouping;
  std::uint64_t groups = 0;     // that have slots of their own
  std::uint64_t overflows = 0;  // sockets put into `other` because no slot was free
  std::uint64_t retired = 0;    // groups whose slots were given back
};

struct AlertReport {
  std::string alert;
  Severity severity = Severity::kWarning;
  bool active = false;
  bool evaluable = false;  // judged at the last tick
  std::uint64_t fired = 0;
};

struct DeliveryReport {
  std::string sink;
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;
  std::uint64_t dropped = 0;
};

struct ProcessReport {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::optional<std::uint64_t> max_fds;  // nullopt: no limit
  std::uint64_t threads = 0;
  std::optional<double> start_time_unix_seconds;  // nullopt: hidden from the daemon
};

// What the daemon and its programs cost, and what is done about it.
struct BudgetReport {
  std::optional<double> budget_cpus;       // nullopt: no budget, and nothing is measured
  std::optional<double> programs_cpus;     // of the last measurement; nullopt: not known
  std::optional<double> daemon_cpus;       // since the measurement before
  std::optional<double> programs_seconds;  // estimated, over all measurements; nullopt: never known
  std::uint32_t level = 0;                 // see core/budget/ladder.h
  std::uint64_t moves_down = 0;
  std::uint64_t moves_up = 0;
};

struct WebConfigReport {
  bool reload_successful = true;
  double reload_success_unix_seconds = 0;
};

// One reading. Counts are since the daemon started.
struct SelfReport {
  std::string_view version;
  std::vector<ProbeReport> probes;
  std::vector<ProgramReport> programs;
  std::vector<ProgramRunReport> program_runs;
  std::vector<MapReport> maps;
  std::vector<GroupingReport> groupings;
  std::vector<std::pair<std::string_view, std::uint64_t>> lost_updates;      // by reason
  std::vector<std::pair<std::string_view, std::uint64_t>> collect_failures;  // by source
  double collect_duration_seconds = 0;
  std::uint32_t namespaces_counted = 0;
  std::uint32_t namespaces_failed = 0;
  bool reload_successful = true;
  double reload_success_unix_seconds = 0;
  std::vector<AlertReport> alerts;
  std::vector<DeliveryReport> deliveries;
  std::vector<std::pair<std::string_view, std::uint64_t>> http_responses;  // by status code
  std::uint64_t http_responses_unfinished = 0;
  std::uint64_t http_connections_refused = 0;
  std::uint64_t http_connections_evicted = 0;
  std::uint64_t http_connections_unanswered = 0;
  BudgetReport budget;
  std::optional<WebConfigReport> web_config;  // nullopt: there is no such file
  std::optional<ProcessReport> process;       // nullopt when /proc could not be read
};

void append_self_metrics(const SelfReport& report, Snapshot& snapshot);

// Every metric that append_self_metrics can emit, in its order; static storage duration.
std::span<const MetricSpec* const> self_metric_specs();

}  // namespace tcpperf::core

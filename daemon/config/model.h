// The configuration as typed, validated values. Plain data: nothing here is built, opened or started.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/groups/plan.h"
#include "core/metrics/histogram_exposition.h"
#include "core/net/cidr.h"
#include "core/rules/rule.h"

namespace tcpperf::config {

struct ProbeConfig {
  bool enabled = true;
  bool required = false;                                    // the daemon does not start when this probe cannot
  std::map<std::string, std::uint64_t, std::less<>> knobs;  // every knob of the descriptor, in its own unit
  std::optional<core::GroupBy> group_by{};                  // nullopt: Config::group_by; empty: never grouped
  std::uint32_t series_budget = 64;                         // groups with series of their own; the others are `other`
  bool of_listeners = false;                                // the probe's: its groups are of listeners

  bool operator==(const ProbeConfig&) const = default;
};

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;

  bool operator==(const PortRange&) const = default;
};

// Which connections are measured. Lists are alternatives; all non-empty lists must match.
struct Filter {
  std::vector<core::Cidr> local_ip;
  std::vector<core::Cidr> remote_ip;
  std::vector<PortRange> local_port;
  std::vector<PortRange> remote_port;

  bool operator==(const Filter&) const = default;
};

// For all groupings.
struct Groups {
  std::chrono::milliseconds idle_after{std::chrono::minutes(10)};  // a group unseen for so long gives its slot back
  std::uint8_t remote_prefix_ipv4 = 24;                            // bits
  std::uint8_t remote_prefix_ipv6 = 48;

  bool operator==(const Groups&) const = default;
};

struct FileSink {
  std::string path;
  bool operator==(const FileSink&) const = default;
};

struct WebhookSink {
  std::string url;
  std::chrono::milliseconds timeout{5000};  // of one attempt
  std::uint32_t attempts = 5;               // per event, with back-off between them
  std::uint32_t queue = 256;                // events waiting at most

  bool operator==(const WebhookSink&) const = default;
};

struct Sinks {
  bool syslog = true;
  std::optional<FileSink> file;
  std::optional<WebhookSink> webhook;

  bool operator==(const Sinks&) const = default;
};

struct Config {
  std::optional<std::uint32_t> cpu_budget_ppm;  // millionths of one CPU; nullopt: no budget
  std::uint32_t buckets_per_power_of_two = 1;   // of classic histograms: 1, 2, 4 or 8
  core::ProtobufHistograms histograms_in_protobuf = core::ProtobufHistograms::kBoth;
  std::chrono::milliseconds tick{5000};  // how often rules are judged
  Filter filter;
  core::GroupBy group_by;  // of probes that have none of their own
  Groups groups;
  std::map<std::string, ProbeConfig, std::less<>> probes;  // every known probe, by name
  std::vector<std::string> rule_files;                     // names or patterns, as written
  std::vector<core::RuleSpec> alerts;                      // of the main file, then those of the rule files
  Sinks sinks;
  core::GroupPlan group_plan;  // of the enabled probes; follows from what is above

  bool operator==(const Config&) const = default;
};

}  // namespace tcpperf::config

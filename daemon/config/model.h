// The configuration as typed, validated values. Plain data: nothing here is built, opened or started.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/net/cidr.h"
#include "core/rules/rule.h"

namespace tcpperf::config {

struct ProbeConfig {
  bool enabled = true;
  bool required = false;                                    // the daemon does not start when this probe cannot
  std::map<std::string, std::uint64_t, std::less<>> knobs;  // every knob of the descriptor, in its own unit

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
  std::uint32_t buckets_per_power_of_two = 1;  // of classic histograms: 1, 2, 4 or 8
  std::chrono::milliseconds tick{5000};        // how often rules are judged
  Filter filter;
  std::map<std::string, ProbeConfig, std::less<>> probes;  // every known probe, by name
  std::vector<core::RuleSpec> alerts;
  Sinks sinks;

  bool operator==(const Config&) const = default;
};

}  // namespace tcpperf::config

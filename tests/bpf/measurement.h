// The probes on real traffic: loads and attaches the real BPF object, and reads it the way the daemon does.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/bpf/session.h"
#include "core/metrics/fold.h"
#include "core/metrics/snapshot.h"
#include "probes/registry.h"

namespace tcpperf::test {

// The addresses of a NetworkPair: a filter that keeps everything else on this machine out of the numbers.
adapters::bpf::FilterTables only_pair();
// The sockets of one side only.
adapters::bpf::FilterTables only_side(const std::string& v4, const std::string& v6);

// A plan that groups these probes alike.
core::GroupPlan group_by(const std::vector<std::string>& probes, const core::GroupBy& by, std::uint32_t capacity,
                         core::PrefixLengths prefix = {});

// What there is to load; refers to arrays that outlive the measurement.
struct Tables {
  core::ProbeTable probes = tcpperf::probes::probe_table();
  core::HookTable hooks = tcpperf::probes::hook_table();
  // By default the one that fits the kernel; with TCPPERF_TEST_OBJECT=older in the environment that for older kernels.
  std::optional<adapters::bpf::ObjectVariant> object{};
};

// Measures from construction to destruction. Throws std::runtime_error when a probe is not "ok"; what is missing for
// want of the tracing of functions, which not every machine allows, has a substitute and does not count.
class Measurement {
 public:
  // `constants`: knobs, by the symbol of their descriptor.
  explicit Measurement(const std::vector<std::string>& probes, const adapters::bpf::FilterTables& filter = only_pair(),
                       std::map<std::string, std::uint64_t, std::less<>> constants = {},
                       const core::GroupPlan& groups = {}, const Tables& tables = {});

  // Labels in the order of the metric's spec; throws when there is no such series.
  double value(std::string_view metric, const std::vector<std::string>& labels = {});
  // The sum over all series whose first label is `first`, or over all series when it is empty.
  double total(std::string_view metric, std::string_view first = "");
  core::Histogram histogram(std::string_view metric, const std::vector<std::string>& labels = {});
  // All series that are not zero, and runs that were missed, one per line: for the message of a failing test.
  std::string nonzero();

  // One reading.
  core::Snapshot snapshot() { return read(); }
  // Value by the labels of the groups alone, added up over the metric's own labels; groups without a value are missing.
  // A histogram's value is its count.
  std::map<std::vector<std::string>, double> by_group(std::string_view metric);

  [[nodiscard]] adapters::bpf::Session& session() { return *session_; }
  // The slots' numbers begin anew.
  void forget(std::string_view probe, std::uint32_t slot);

 private:
  core::Snapshot read();
  [[nodiscard]] bool measures(const core::ProbeDescriptor& probe) const;

  Tables tables_;
  std::unique_ptr<adapters::bpf::Kernel> kernel_;
  std::unique_ptr<adapters::bpf::Session> session_;
  std::unique_ptr<core::Folder> folder_;
};

}  // namespace tcpperf::test

// What a configuration asks to be loaded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "adapters/bpf/kernel.h"
#include "core/groups/plan.h"
#include "core/net/cidr.h"

namespace tcpperf::adapters::bpf {

struct PortInterval {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  bool operator==(const PortInterval&) const = default;
};

struct FilterTables {
  std::vector<core::Cidr> local_ip;
  std::vector<core::Cidr> remote_ip;
  std::vector<PortInterval> local_port;
  std::vector<PortInterval> remote_port;
  bool operator==(const FilterTables&) const = default;
};

using ProbeNames = std::set<std::string, std::less<>>;

struct LoadRequest {
  ProbeNames probes;                                            // the enabled ones
  std::map<std::string, std::uint64_t, std::less<>> constants;  // knobs, by symbol
  FilterTables filter;
  core::GroupPlan groups;
  std::string cgroup_root;                        // where the cgroup2 hierarchy is mounted; empty when it is not
  ObjectVariant object = ObjectVariant::kRecent;  // see Kernel::fitting_object()
  bool operator==(const LoadRequest&) const = default;
};

}  // namespace tcpperf::adapters::bpf

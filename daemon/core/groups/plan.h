// Which probe is grouped by what, as the loader and the folder need it. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "abi/groups.h"
#include "core/base/result.h"
#include "core/groups/dimension.h"

namespace tcpperf::core {

inline constexpr std::uint32_t kMostGroupings = TCPPERF_GROUPINGS;  // different ones at once
inline constexpr std::uint32_t kMostGroups = TCPPERF_GROUPS_MAX;    // of one grouping, without `other`

struct PrefixLengths {
  std::uint8_t ipv4_bits = 24;  // of remote_prefix
  std::uint8_t ipv6_bits = 48;

  bool operator==(const PrefixLengths&) const = default;
};

// One table of slots, shared by all probes that are grouped by the same list with the same budget.
struct Grouping {
  GroupBy by;                  // not empty
  std::uint32_t capacity = 0;  // groups with slots of their own: 1 to capacity; 0 is `other`
  bool of_listeners = false;   // what is told apart are listeners; a connection is in the group of its listener

  bool operator==(const Grouping&) const = default;
};

// Where a probe's numbers go.
struct ProbeGrouping {
  std::uint32_t grouping = 0;  // index into GroupPlan::groupings
  std::uint32_t groups = 0;    // its capacity; 0: the probe is not grouped

  bool operator==(const ProbeGrouping&) const = default;
};

struct GroupPlan {
  std::vector<Grouping> groupings;                           // at most kMostGroupings
  std::map<std::string, ProbeGrouping, std::less<>> probes;  // of every probe asked for
  PrefixLengths prefix;

  [[nodiscard]] ProbeGrouping of(std::string_view probe) const;  // not grouped when it is not in the plan
  bool operator==(const GroupPlan&) const = default;
};

// Whether slots mean the same under both plans.
inline bool same_tables(const GroupPlan& one, const GroupPlan& other) {
  return one.groupings == other.groupings && one.prefix == other.prefix;
}

// What the configuration asks of one probe.
struct GroupRequest {
  GroupBy by;
  std::uint32_t series_budget = 0;  // groups; not 0 unless `by` is empty
  bool of_listeners = false;        // see Grouping
};

// Error when more than kMostGroupings different groupings are asked for: says which probes ask for which.
Result<GroupPlan> plan_groups(const std::map<std::string, GroupRequest, std::less<>>& requests, PrefixLengths prefix);

}  // namespace tcpperf::core

// Which slots of a grouping make which series. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "abi/groups.h"
#include "core/groups/labels.h"
#include "core/groups/plan.h"

namespace tcpperf::core {

// Slots whose labels are alike, for example cgroups that are both "unknown": they are one series.
struct GroupSeries {
  std::vector<std::string> values;   // one per dimension of the grouping
  std::vector<std::uint32_t> slots;  // ascending

  bool operator==(const GroupSeries&) const = default;
};

// One reading of a grouping's table. Each list of values once, sorted by them; the one with slot 0 is always there.
struct GroupSet {
  GroupBy by;
  std::vector<GroupSeries> series;

  bool operator==(const GroupSet&) const = default;
};

// What is not grouped: slot 0 without labels.
const GroupSet& not_grouped();

// `table`: the slots of one grouping from 0 on; slot 0 is `other`, a slot with `resolved` 0 is free. BPF programs may
// write to it meanwhile.
GroupSet make_group_set(const GroupBy& by, std::span<const tcpperf_group> table, PrefixLengths prefix,
                        const HostNames& names);

}  // namespace tcpperf::core

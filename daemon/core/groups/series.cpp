#include "core/groups/series.h"

#include <map>
#include <utility>

namespace tcpperf::core {

const GroupSet& not_grouped() {
  static const GroupSet kSet{{}, {{{}, {TCPPERF_OTHER}}}};
  return kSet;
}

GroupSet make_group_set(const GroupBy& by, std::span<const tcpperf_group> table, PrefixLengths prefix,
                        const HostNames& names) {
  std::map<std::vector<std::string>, std::vector<std::uint32_t>> slots_of;
  slots_of[other_label_values(by)] = {TCPPERF_OTHER};
  for (std::uint32_t slot = TCPPERF_OTHER + 1; slot < table.size(); ++slot) {
    // A group's key is complete before its slot counts as used.
    if (__atomic_load_n(&table[slot].resolved, __ATOMIC_ACQUIRE) != 0) {
      slots_of[group_label_values(table[slot].key, by, prefix, names)].push_back(slot);
    }
  }
  GroupSet set{by, {}};
  set.series.reserve(slots_of.size());
  for (auto& [values, slots] : slots_of) {
    set.series.push_back({values, std::move(slots)});
  }
  return set;
}

}  // namespace tcpperf::core

#include "core/groups/plan.h"

#include <algorithm>

namespace tcpperf::core {
namespace {

// "role with 64 groups (rtt, drop)".
std::string description(const GroupPlan& plan, std::size_t index) {
  std::string probes;
  for (const auto& [name, grouping] : plan.probes) {
    if (grouping.groups != 0 && grouping.grouping == index) {
      probes += (probes.empty() ? "" : ", ") + name;
    }
  }
  const Grouping& grouping = plan.groupings[index];
  return (grouping.of_listeners ? "listeners by " : "") + to_string(grouping.by) + " with " +
         std::to_string(grouping.capacity) + " groups (" + probes + ")";
}

}  // namespace

ProbeGrouping GroupPlan::of(std::string_view probe) const {
  const auto found = probes.find(probe);
  return found == probes.end() ? ProbeGrouping{} : found->second;
}

Result<GroupPlan> plan_groups(const std::map<std::string, GroupRequest, std::less<>>& requests, PrefixLengths prefix) {
  GroupPlan plan;
  plan.prefix = prefix;
  for (const auto& [probe, request] : requests) {
    ProbeGrouping& target = plan.probes[probe];
    if (request.by.empty()) {
      continue;
    }
    const Grouping wanted{request.by, request.series_budget, request.of_listeners};
    const auto same = std::find(plan.groupings.begin(), plan.groupings.end(), wanted);
    target = {static_cast<std::uint32_t>(same - plan.groupings.begin()), request.series_budget};
    if (same == plan.groupings.end()) {
      plan.groupings.push_back(wanted);
    }
  }
  if (plan.groupings.size() > kMostGroupings) {
    std::string message = "at most " + std::to_string(kMostGroupings) +
                          " different groupings are possible, these are " + std::to_string(plan.groupings.size()) +
                          ": ";
    for (std::size_t i = 0; i < plan.groupings.size(); ++i) {
      message += (i == 0 ? "" : "; ") + description(plan, i);
    }
    return Error{message};
  }
  return plan;
}

}  // namespace tcpperf::core

#include "app/group_keeper.h"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace tcpperf::app {

GroupKeeper::GroupKeeper() : cgroups_(adapters::find_cgroup2_root()) {}

void GroupKeeper::set_idle_after(std::chrono::nanoseconds idle_after) {
  if (idle_after == idle_after_) {
    return;
  }
  idle_after_ = idle_after;
  for (Grouping& grouping : groupings_) {
    grouping.recycler = core::Recycler(idle_after);
  }
}

// A set with other groups has new tables.
void GroupKeeper::follow(const adapters::bpf::Session& session) {
  const core::GroupPlan& plan = session.request().groups;
  if (core::same_tables(plan, plan_)) {
    return;
  }
  plan_ = plan;
  groupings_.clear();
  for (const core::Grouping& grouping : plan.groupings) {
    groupings_.push_back({core::Recycler(idle_after_), {grouping.by, {}}});
  }
}

std::vector<GroupKeeper::Retired> GroupKeeper::recycle(adapters::bpf::Session& session, std::chrono::nanoseconds now) {
  follow(session);
  std::vector<Retired> retired;
  for (std::uint32_t i = 0; i < groupings_.size(); ++i) {
    std::vector<core::SlotState> slots;
    for (const tcpperf_group& group : session.groups().table(i)) {
      slots.push_back(
          {__atomic_load_n(&group.resolved, __ATOMIC_ACQUIRE), __atomic_load_n(&group.sockets, __ATOMIC_RELAXED)});
    }
    const core::RecycleSteps steps = groupings_[i].recycler.step(now, slots);
    const auto carry_out = [&](const std::vector<std::uint32_t>& of, auto&& step) {
      for (const std::uint32_t slot : of) {
        if (core::Result<void> done = step(slot); !done) {
          spdlog::warn("{}", done.error().message);
        }
      }
    };
    carry_out(steps.withdraw, [&](std::uint32_t slot) { return session.groups().withdraw(i, slot); });
    carry_out(steps.publish, [&](std::uint32_t slot) { return session.groups().publish(i, slot); });
    carry_out(steps.retire, [&](std::uint32_t slot) {
      retired.push_back({i, slot});
      ++groupings_[i].retired;
      return session.retire_group(i, slot);
    });
  }
  return retired;
}

void GroupKeeper::read(adapters::bpf::Session& session) {
  follow(session);
  for (std::uint32_t i = 0; i < groupings_.size(); ++i) {
    Grouping& grouping = groupings_[i];
    const std::span<const tcpperf_group> table = session.groups().table(i);
    const auto used = static_cast<std::uint64_t>(std::count_if(table.begin() + 1, table.end(), [](const auto& group) {
      return __atomic_load_n(&group.resolved, __ATOMIC_ACQUIRE) != 0;
    }));
    // Who is where: a group made and another retired between two readings leave their number as it was.
    std::uint64_t cgroups = 0;
    for (std::size_t slot = 1; slot < table.size(); ++slot) {
      cgroups += table[slot].key.cgroup * (slot + 1);
    }
    if (cgroups != grouping.cgroups) {
      cgroups_.allow_search();
    }
    grouping.used = used;
    grouping.cgroups = cgroups;
    grouping.set = core::make_group_set(grouping.set.by, table, plan_.prefix, cgroups_);
  }
}

const core::GroupSet& GroupKeeper::of(const adapters::bpf::Session& session, const core::ProbeDescriptor& probe) const {
  const core::ProbeGrouping place = session.request().groups.of(probe.name);
  return place.groups == 0 ? core::not_grouped() : groupings_[place.grouping].set;
}

void GroupKeeper::add_to_report(const adapters::bpf::Session& session, core::SelfReport& report) const {
  const std::span<const std::uint64_t> overflow = session.counters("group_overflow");
  for (std::uint32_t i = 0; i < groupings_.size(); ++i) {
    report.groupings.push_back({plan_.groupings[i], groupings_[i].used, __atomic_load_n(&overflow[i], __ATOMIC_RELAXED),
                                groupings_[i].retired});
  }
}

}  // namespace tcpperf::app

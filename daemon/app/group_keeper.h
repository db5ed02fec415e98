// Follows the groups of a loaded set: who is in which slot, and which slots are given back.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "adapters/bpf/session.h"
#include "adapters/procfs/cgroups.h"
#include "core/groups/recycler.h"
#include "core/groups/series.h"
#include "core/self/self_metrics.h"

namespace tcpperf::app {

// One thread at a time. The session may change from one call to the next.
class GroupKeeper {
 public:
  // A slot whose past went to `other`.
  struct Retired {
    std::uint32_t grouping = 0;
    std::uint32_t slot = 0;
  };

  GroupKeeper();

  // A group unseen for so long gives its slot back.
  void set_idle_after(std::chrono::nanoseconds idle_after);

  // After a sampling: gives back what is due. Says which slots begin anew.
  std::vector<Retired> recycle(adapters::bpf::Session& session, std::chrono::nanoseconds now);
  // Who is in the slots now.
  void read(adapters::bpf::Session& session);
  // As of the last read().
  [[nodiscard]] const core::GroupSet& of(const adapters::bpf::Session& session,
                                         const core::ProbeDescriptor& probe) const;

  void add_to_report(const adapters::bpf::Session& session, core::SelfReport& report) const;

 private:
  struct Grouping {
    core::Recycler recycler;
    core::GroupSet set;
    std::uint64_t used = 0;
    std::uint64_t cgroups = 0;  // a sum that differs when other cgroups are in the slots
    std::uint64_t retired = 0;
  };
  void follow(const adapters::bpf::Session& session);

  adapters::CgroupPaths cgroups_;
  std::chrono::nanoseconds idle_after_{std::chrono::minutes(10)};
  core::GroupPlan plan_;  // of the session followed
  std::vector<Grouping> groupings_;
};

}  // namespace tcpperf::app

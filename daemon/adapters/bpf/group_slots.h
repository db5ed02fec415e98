// The slots of the groupings in a loaded object: what is in them, and giving them back. See bpf/lib/groups.bpf.h and
// core/groups/recycler.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "abi/groups.h"
#include "adapters/bpf/mapped_array.h"
#include "adapters/bpf/object.h"
#include "core/base/result.h"
#include "core/groups/plan.h"

namespace tcpperf::adapters::bpf {

// Refers to the object, and to the arrays handed to it. One thread at a time.
class GroupSlots {
 public:
  // `table`: the mapped `group_table`.
  GroupSlots(const Object& object, const MappedArray& table, const core::GroupPlan& plan);

  // Makes all slots free. Once, before the programs run.
  core::Result<void> fill();

  // The slots of a grouping, `other` first. BPF programs write to them at any time.
  [[nodiscard]] std::span<const tcpperf_group> table(std::uint32_t grouping) const;
  // Before a sampling counts them anew.
  void clear_sockets();

  // From now on no socket is resolved to the slot.
  core::Result<void> withdraw(std::uint32_t grouping, std::uint32_t slot);
  // Sockets are again, unless there is the same group in another slot by now.
  core::Result<void> publish(std::uint32_t grouping, std::uint32_t slot);
  // Frees a withdrawn slot that nothing refers to. Its numbers must have been moved before.
  core::Result<void> free(std::uint32_t grouping, std::uint32_t slot);

 private:
  [[nodiscard]] std::span<tcpperf_group> slots(std::uint32_t grouping) const;

  const Object& object_;
  const MappedArray& table_;
  const core::GroupPlan& plan_;
};

// Adds what is in group `slot` of an array to group 0 (`other`), or keeps the greater of the two there, and clears it.
// `words`: of one group. Nothing else may write to the slot meanwhile.
void move_to_other(std::span<std::uint64_t> array, std::size_t words, std::uint32_t slot, bool keep_greatest);

}  // namespace tcpperf::adapters::bpf

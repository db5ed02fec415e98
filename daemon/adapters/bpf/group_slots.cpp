#include "adapters/bpf/group_slots.h"

#include <cerrno>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "adapters/bpf/load_plan.h"

namespace tcpperf::adapters::bpf {

GroupSlots::GroupSlots(const Object& object, const MappedArray& table, const core::GroupPlan& plan)
    : object_(object), table_(table), plan_(plan) {}

core::Result<void> GroupSlots::fill() {
  for (std::uint32_t grouping = 0; grouping < plan_.groupings.size(); ++grouping) {
    const int queue = bpf_map__fd(object_.map(free_slots_map(grouping)));
    for (std::uint32_t slot = 1; slot <= plan_.groupings[grouping].capacity; ++slot) {
      if (const int err = bpf_map_update_elem(queue, nullptr, &slot, BPF_ANY); err != 0) {
        return core::Error::from_errno("fill the queue of free groups", -err);
      }
    }
  }
  return {};
}

std::span<tcpperf_group> GroupSlots::slots(std::uint32_t grouping) const {
  return table_.as_writable<tcpperf_group>().subspan(first_group_element(plan_, grouping),
                                                     1 + plan_.groupings[grouping].capacity);
}

std::span<const tcpperf_group> GroupSlots::table(std::uint32_t grouping) const {
  return slots(grouping);
}

void GroupSlots::clear_sockets() {
  for (std::uint32_t grouping = 0; grouping < plan_.groupings.size(); ++grouping) {
    for (tcpperf_group& group : slots(grouping)) {
      __atomic_store_n(&group.sockets, 0, __ATOMIC_RELAXED);
    }
  }
}

core::Result<void> GroupSlots::withdraw(std::uint32_t grouping, std::uint32_t slot) {
  const tcpperf_group_key key = slots(grouping)[slot].key;
  const int fd = bpf_map__fd(object_.map("group_slots"));
  // The same group may have got another slot since this one was withdrawn for the first time.
  std::uint32_t found = 0;
  int err = bpf_map_lookup_elem(fd, &key, &found);
  if (err == 0 && found == slot) {
    err = bpf_map_delete_elem(fd, &key);
  }
  if (err != 0 && err != -ENOENT) {
    return core::Error::from_errno("withdraw a group", -err);
  }
  return {};
}

core::Result<void> GroupSlots::publish(std::uint32_t grouping, std::uint32_t slot) {
  const tcpperf_group_key key = slots(grouping)[slot].key;
  const int err = bpf_map_update_elem(bpf_map__fd(object_.map("group_slots")), &key, &slot, BPF_NOEXIST);
  if (err != 0 && err != -EEXIST) {
    return core::Error::from_errno("publish a group", -err);
  }
  return {};
}

core::Result<void> GroupSlots::free(std::uint32_t grouping, std::uint32_t slot) {
  tcpperf_group& group = slots(grouping)[slot];
  group.key = {};
  __atomic_store_n(&group.resolved, 0, __ATOMIC_RELEASE);
  const int queue = bpf_map__fd(object_.map(free_slots_map(grouping)));
  if (const int err = bpf_map_update_elem(queue, nullptr, &slot, BPF_ANY); err != 0) {
    return core::Error::from_errno("free a group's slot", -err);
  }
  return {};
}

namespace {

void raise_to(std::uint64_t& highest, std::uint64_t value) {
  std::uint64_t before = __atomic_load_n(&highest, __ATOMIC_RELAXED);
  while (before < value &&
         !__atomic_compare_exchange_n(&highest, &before, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
}

}  // namespace

void move_to_other(std::span<std::uint64_t> array, std::size_t words, std::uint32_t slot, bool keep_greatest) {
  for (std::size_t i = 0; i < words; ++i) {
    std::uint64_t& from = array[slot * words + i];
    const std::uint64_t past = __atomic_exchange_n(&from, 0, __ATOMIC_RELAXED);
    if (past != 0 && keep_greatest) {
      raise_to(array[i], past);
    } else if (past != 0) {
      __atomic_fetch_add(&array[i], past, __ATOMIC_RELAXED);
    }
  }
}

}  // namespace tcpperf::adapters::bpf

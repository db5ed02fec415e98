#include "adapters/bpf/load_plan.h"

#include <algorithm>
#include <optional>

#include <bpf/libbpf.h>

#include "adapters/bpf/offer.h"
#include "adapters/bpf/session.h"

namespace tcpperf::adapters::bpf {
namespace {

constexpr std::string_view kFilterMaps[] = {"filter_networks", "filter_ports"};
constexpr std::string_view kFlowMap = "flows";
constexpr std::string_view kGroupMaps = "group_";
constexpr std::uint32_t kMappedIpv4Bits = 96;

// The owner of a listener is known without looking at reads and writes.
bool groups_connections_by_owner(const core::GroupPlan& plan) {
  return std::any_of(plan.groupings.begin(), plan.groupings.end(), [](const core::Grouping& grouping) {
    return !grouping.of_listeners && std::any_of(grouping.by.begin(), grouping.by.end(), [](core::Dimension dimension) {
      return dimension == core::Dimension::kProcess || dimension == core::Dimension::kPid;
    });
  });
}

void add_group_constants(const core::GroupPlan& plan, core::ProbeTable probes, core::KnobValues& constants) {
  std::uint64_t dimensions = 0;
  std::uint64_t first = 0;
  std::uint64_t listeners = 0;
  for (std::uint32_t i = 0; i < plan.groupings.size(); ++i) {
    dimensions |= std::uint64_t{core::to_mask(plan.groupings[i].by)} << (16 * i);
    first |= std::uint64_t{first_group_element(plan, i)} << (16 * i);
    listeners |= std::uint64_t{plan.groupings[i].of_listeners ? 0xffffU : 0U} << (16 * i);
  }
  constants["cfg_group_dimensions"] = dimensions;
  constants["cfg_group_first"] = first;
  constants["cfg_group_listeners"] = listeners;
  constants["cfg_group_prefix_ipv4_bits"] = kMappedIpv4Bits + plan.prefix.ipv4_bits;
  constants["cfg_group_prefix_ipv6_bits"] = plan.prefix.ipv6_bits;
  for (const core::ProbeDescriptor* probe : probes) {
    if (!probe->grouped) {
      continue;
    }
    const core::ProbeGrouping place = plan.of(probe->name);
    constants[std::string(probe->enable_symbol) + "_grouping"] = place.grouping;
    constants[std::string(probe->enable_symbol) + "_groups"] = place.groups;
  }
}

}  // namespace

std::uint32_t first_group_element(const core::GroupPlan& plan, std::uint32_t grouping) {
  std::uint32_t first = 0;
  for (std::uint32_t i = 0; i < grouping; ++i) {
    first += 1 + plan.groupings[i].capacity;
  }
  return first;
}

bool others_depend_on(std::string_view program, const LoadRequest& request) {
  return request.object == ObjectVariant::kOlder && program == kDestroyProgram;
}

std::string free_slots_map(std::uint32_t grouping) {
  return "group_free_" + std::to_string(grouping);
}

bool same_groups(const core::ProbeDescriptor& probe, const LoadRequest& one, const LoadRequest& other) {
  const core::ProbeGrouping place = one.groups.of(probe.name);
  const core::ProbeGrouping other_place = other.groups.of(probe.name);
  return (place.groups == 0 && other_place.groups == 0) ||
         (place == other_place && core::same_tables(one.groups, other.groups));
}

LoadPlan::LoadPlan(core::ProbeTable probes, core::HookTable hooks, const Kernel& kernel, const LoadRequest& request,
                   std::uint32_t epoch)
    : probes_(probes), hooks_(hooks), kernel_(kernel), request_(request), epoch_(epoch) {
  const core::Result<Object> object = Object::open(embedded_object(request_.object));
  for (const core::HookDescriptor& hook : hooks_) {
    offers_.push_back(offer_to(hook, kernel_, object ? &*object : nullptr, request_.cgroup_root));
  }
}

const core::HookDescriptor& LoadPlan::hook(std::string_view program) const {
  return *std::find_if(hooks_.begin(), hooks_.end(), [&](const auto& hook) { return hook.program == program; });
}

bool LoadPlan::listens(const core::ProbeDescriptor& probe, std::string_view program) const {
  return std::any_of(probe.hooks.begin(), probe.hooks.end(), [&](const core::HookUse& use) {
    return use.program == program && core::listens(use, request_.constants);
  });
}

bool LoadPlan::wanted(const core::HookDescriptor& hook, const ProbeNames& enabled) const {
  if (others_depend_on(hook.program, request_)) {
    return true;
  }
  switch (hook.need) {
    case core::HookNeed::kAlways: return true;
    case core::HookNeed::kOwners: return groups_connections_by_owner(request_.groups);
    case core::HookNeed::kListeners: break;
  }
  return std::any_of(probes_.begin(), probes_.end(), [&](const core::ProbeDescriptor* probe) {
    return enabled.contains(probe->name) && listens(*probe, hook.program);
  });
}

core::Result<void> LoadPlan::set_constants(Object& object, const ProbeNames& enabled) const {
  core::KnobValues constants = request_.constants;
  for (const core::ProbeDescriptor* probe : probes_) {
    if (!probe->enable_symbol.empty()) {
      constants[std::string(probe->enable_symbol)] = enabled.contains(probe->name) ? 1 : 0;
    }
    for (const core::KernelConstant& constant : probe->constants) {
      std::uint32_t value = constant.value_if_absent;
      for (const auto& [name, number] : kernel_.enumerators(constant.enum_name)) {
        if (name == constant.enumerator) {
          value = number;
        }
      }
      constants[std::string(constant.symbol)] = value;
    }
  }
  for (const core::HookDescriptor& hook : hooks_) {
    const unsigned arguments = (hook.kind == core::HookKind::kFunctionExit ? kernel_.function_arguments(hook.target)
                                                                           : kernel_.tracepoint_arguments(hook.target))
                                   .value_or(0);
    for (const core::KernelArgument& argument : hook.optional_arguments) {
      constants[std::string(argument.symbol)] = argument.index < arguments ? 1 : 0;
    }
  }
  constants["kernel_jiffy_ns"] = static_cast<std::uint64_t>(Kernel::jiffy().count());
  constants["cfg_epoch"] = epoch_;
  const FilterTables& filter = request_.filter;
  constants["cfg_filter_local_ip"] = filter.local_ip.empty() ? 0 : 1;
  constants["cfg_filter_remote_ip"] = filter.remote_ip.empty() ? 0 : 1;
  constants["cfg_filter_local_port"] = filter.local_port.empty() ? 0 : 1;
  constants["cfg_filter_remote_port"] = filter.remote_port.empty() ? 0 : 1;
  add_group_constants(request_.groups, probes_, constants);
  for (const auto& [symbol, value] : constants) {
    if (core::Result<void> set = object.set_constant(symbol, value); !set) {
      return set.error();
    }
  }
  return {};
}

// The object declares each array as large as one group needs it.
core::Result<void> LoadPlan::size_maps(Object& object) const {
  std::map<std::string, std::uint32_t, std::less<>> entries;
  const core::GroupPlan& plan = request_.groups;
  for (const core::ProbeDescriptor* probe : probes_) {
    const std::uint32_t groups = plan.of(probe->name).groups;
    for (const core::MetricDef& metric : probe->metrics) {
      if (const struct bpf_map* map = object.map(metric.source.map); map != nullptr && groups != 0) {
        entries[std::string(metric.source.map)] = bpf_map__max_entries(map) * (1 + groups);
      }
    }
  }
  std::uint32_t slots = 0;
  for (std::uint32_t i = 0; i < plan.groupings.size(); ++i) {
    slots += plan.groupings[i].capacity;
    entries[free_slots_map(i)] = plan.groupings[i].capacity;
  }
  if (slots != 0) {
    entries["group_slots"] = slots;
    entries["group_table"] = slots + static_cast<std::uint32_t>(plan.groupings.size());
  }
  for (const auto& [name, count] : entries) {
    if (const int err = bpf_map__set_max_entries(object.map(name), count); err != 0) {
      return core::Error::from_errno("size map " + name, -err);
    }
  }
  return {};
}

// Counters go on across a reload, as long as they mean the same. Flow states do only when the same sockets are measured
// by the same probes in the same groups, because a probe that was off, or a socket that was filtered out, left gaps.
bool LoadPlan::goes_on(std::string_view map, const LoadRequest& previous) const {
  if (std::find(std::begin(kFilterMaps), std::end(kFilterMaps), map) != std::end(kFilterMaps)) {
    return false;
  }
  // Sockets that were freed in between are still in hash maps.
  if (request_.object == ObjectVariant::kOlder &&
      (map == kSocketEntries ||
       std::find(std::begin(kSocketMaps), std::end(kSocketMaps), map) != std::end(kSocketMaps))) {
    return false;
  }
  const bool same_plan = core::same_tables(previous.groups, request_.groups);
  if (map == kFlowMap) {
    return same_plan && previous.filter == request_.filter && previous.probes == request_.probes;
  }
  if (map.starts_with(kGroupMaps)) {
    return same_plan;
  }
  for (const core::ProbeDescriptor* probe : probes_) {
    for (const core::MetricDef& metric : probe->metrics) {
      if (metric.source.map == map) {
        return same_groups(*probe, previous, request_);
      }
    }
  }
  return true;
}

core::Result<void> LoadPlan::take_maps(Object& object, const Predecessor& previous) const {
  struct bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.handle()) {
    const struct bpf_map* old = previous.object.map(bpf_map__name(map));
    // Internal maps are the constants: probes, filter and knobs of the new set.
    if (old == nullptr || bpf_map__is_internal(map) || !goes_on(bpf_map__name(map), previous.request)) {
      continue;
    }
    if (const int err = bpf_map__reuse_fd(map, bpf_map__fd(old)); err != 0) {
      return core::Error::from_errno(std::string("take over map ") + bpf_map__name(map), -err);
    }
  }
  return {};
}

core::Result<Object> LoadPlan::open(const ProbeNames& enabled, std::string_view only_program,
                                    const Predecessor* previous) const {
  core::Result<Object> object = Object::open(embedded_object(request_.object));
  if (!object) {
    return object;
  }
  if (core::Result<void> set = set_constants(*object, enabled); !set) {
    return set.error();
  }
  for (std::size_t i = 0; i < hooks_.size(); ++i) {
    const core::HookDescriptor& hook = hooks_[i];
    if (struct bpf_program* program = object->program(hook.program); program != nullptr) {
      bpf_program__set_autoload(program, offers_[i].outcome == core::HookOutcome::kAttached &&
                                             (only_program.empty() || only_program == hook.program) &&
                                             wanted(hook, enabled));
    }
  }
  if (core::Result<void> sized = size_maps(*object); !sized) {
    return sized.error();
  }
  if (previous != nullptr) {
    if (core::Result<void> taken = take_maps(*object, *previous); !taken) {
      return taken.error();
    }
  }
  return object;
}

void LoadPlan::give_up(std::string_view program, const std::string& reason) {
  for (core::HookState& offer : offers_) {
    if (offer.program == program) {
      offer.outcome = core::HookOutcome::kRefused;
      offer.reason = reason;
      if (hook(program).kind == core::HookKind::kFunctionExit) {
        // Nothing was missing but this, so what is said about capabilities does not apply.
        offer.reason = "the kernel refuses programs on its function " + std::string(hook(program).target) + ": " +
                       reason.substr(0, reason.find(';'));
      }
    }
  }
}

bool LoadPlan::drop_listeners(const Object::LoadFailure& failure, ProbeNames& enabled,
                              std::map<std::string, std::string, std::less<>>& refusals) const {
  if (hook(failure.program).kind == core::HookKind::kFunctionExit) {
    return false;
  }
  std::string last;
  const ProbeNames before = enabled;
  for (const core::ProbeDescriptor* probe : probes_) {
    if (!before.contains(probe->name) || !listens(*probe, failure.program)) {
      continue;
    }
    last = probe->name;
    core::Result<Object> trial = open({std::string(probe->name)}, failure.program, nullptr);
    Object::LoadFailure trial_failure;
    if (trial && !trial->load(&trial_failure)) {
      refusals[std::string(probe->name)] = trial_failure.error.message;
      enabled.erase(std::string(probe->name));
    }
  }
  if (last.empty()) {
    return false;
  }
  if (enabled == before) {
    refusals[last] = failure.error.message;
    enabled.erase(last);
  }
  return true;
}

}  // namespace tcpperf::adapters::bpf

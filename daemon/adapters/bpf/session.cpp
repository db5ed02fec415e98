#include "adapters/bpf/session.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "abi/filter.h"
#include "abi/histogram.h"

namespace tcpperf::adapters::bpf {
namespace {

constexpr std::string_view kFlowMap = "flows";
constexpr std::string_view kFilterMaps[] = {"filter_networks", "filter_ports"};

bool listens(const core::ProbeDescriptor& probe, std::string_view program) {
  return std::any_of(probe.hooks.begin(), probe.hooks.end(),
                     [&](const core::HookUse& use) { return use.program == program; });
}

// What this kernel offers a hook; kAttached stands for "can be tried".
core::HookState offered(const core::HookDescriptor& hook, const Kernel& kernel) {
  const std::optional<unsigned> arguments = kernel.tracepoint_arguments(hook.tracepoint);
  core::HookState state{hook.program, core::HookOutcome::kMissing, ""};
  if (!arguments) {
    state.reason = "this kernel has no tracepoint " + std::string(hook.tracepoint);
  } else if (*arguments < hook.arguments) {
    state.reason = "tracepoint " + std::string(hook.tracepoint) + " of this kernel has " + std::to_string(*arguments) +
                   " arguments, " + std::to_string(hook.arguments) + " are needed";
  } else {
    state.outcome = core::HookOutcome::kAttached;
  }
  return state;
}

struct Plan {
  core::ProbeTable probes;
  core::HookTable hooks;
  const Kernel& kernel;
  const LoadRequest& request;
  const Session* previous;
  std::vector<core::HookState> offers;
};

core::Result<void> set_constants(Object& object, const Plan& plan, const std::set<std::string, std::less<>>& enabled) {
  std::map<std::string, std::uint64_t, std::less<>> constants = plan.request.constants;
  for (const core::ProbeDescriptor* probe : plan.probes) {
    constants[std::string(probe->enable_symbol)] = enabled.contains(probe->name) ? 1 : 0;
    for (const core::KernelConstant& constant : probe->constants) {
      std::uint32_t value = constant.value_if_absent;
      for (const auto& [name, number] : plan.kernel.enumerators(constant.enum_name)) {
        if (name == constant.enumerator) {
          value = number;
        }
      }
      constants[std::string(constant.symbol)] = value;
    }
  }
  for (const core::HookDescriptor& hook : plan.hooks) {
    const unsigned arguments = plan.kernel.tracepoint_arguments(hook.tracepoint).value_or(0);
    for (const core::KernelArgument& argument : hook.optional_arguments) {
      constants[std::string(argument.symbol)] = argument.index < arguments ? 1 : 0;
    }
  }
  const FilterTables& filter = plan.request.filter;
  constants["cfg_filter_local_ip"] = filter.local_ip.empty() ? 0 : 1;
  constants["cfg_filter_remote_ip"] = filter.remote_ip.empty() ? 0 : 1;
  constants["cfg_filter_local_port"] = filter.local_port.empty() ? 0 : 1;
  constants["cfg_filter_remote_port"] = filter.remote_port.empty() ? 0 : 1;
  for (const auto& [symbol, value] : constants) {
    if (core::Result<void> set = object.set_constant(symbol, value); !set) {
      return set.error();
    }
  }
  return {};
}

// Counters go on across a reload. Flow states do only when the same sockets are measured by the same probes, because a
// probe that was off, or a socket that was filtered out, left gaps in them.
bool takes_over(const struct bpf_map* map, const Plan& plan) {
  const std::string_view name = bpf_map__name(map);
  if (bpf_map__is_internal(map) ||  // the constants: probes, filter and knobs of the new set
      std::find(std::begin(kFilterMaps), std::end(kFilterMaps), name) != std::end(kFilterMaps)) {
    return false;
  }
  if (name == kFlowMap) {
    return plan.previous->request().filter == plan.request.filter &&
           plan.previous->request().probes == plan.request.probes;
  }
  return true;
}

core::Result<Object> open_with(const Plan& plan, const std::set<std::string, std::less<>>& enabled,
                               std::string_view only_program, const Object* take_maps_from) {
  core::Result<Object> object = Object::open(embedded_object());
  if (!object) {
    return object;
  }
  if (core::Result<void> set = set_constants(*object, plan, enabled); !set) {
    return set.error();
  }
  for (const core::HookState& offer : plan.offers) {
    const bool wanted = offer.outcome == core::HookOutcome::kAttached &&
                        (only_program.empty() || only_program == offer.program) &&
                        std::any_of(plan.probes.begin(), plan.probes.end(), [&](const core::ProbeDescriptor* probe) {
                          return enabled.contains(probe->name) && listens(*probe, offer.program);
                        });
    if (struct bpf_program* program = object->program(offer.program); program != nullptr) {
      bpf_program__set_autoload(program, wanted);
    }
  }
  if (take_maps_from != nullptr) {
    struct bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object->handle()) {
      const struct bpf_map* old = take_maps_from->map(bpf_map__name(map));
      if (old != nullptr && takes_over(map, plan)) {
        if (const int err = bpf_map__reuse_fd(map, bpf_map__fd(old)); err != 0) {
          return core::Error::from_errno(std::string("take over map ") + bpf_map__name(map), -err);
        }
      }
    }
  }
  return object;
}

// Which of the probes that listen on a refused program is to blame: each is tried alone; if none fails alone, the
// last one gives way.
void drop_listeners(const Plan& plan, const Object::LoadFailure& failure, std::set<std::string, std::less<>>& enabled,
                    std::map<std::string, std::string, std::less<>>& refusals) {
  std::string last;
  const std::set<std::string, std::less<>> before = enabled;
  for (const core::ProbeDescriptor* probe : plan.probes) {
    if (!before.contains(probe->name) || !listens(*probe, failure.program)) {
      continue;
    }
    last = probe->name;
    core::Result<Object> trial = open_with(plan, {std::string(probe->name)}, failure.program, nullptr);
    Object::LoadFailure trial_failure;
    if (trial && !trial->load(&trial_failure)) {
      refusals[std::string(probe->name)] = trial_failure.error.message;
      enabled.erase(std::string(probe->name));
    }
  }
  if (enabled == before) {
    refusals[last] = failure.error.message;
    enabled.erase(last);
  }
}

}  // namespace

core::Result<std::unique_ptr<Session>> Session::load(core::ProbeTable probes, core::HookTable hooks,
                                                     const Kernel& kernel, const LoadRequest& request,
                                                     const Session* previous) {
  Plan plan{probes, hooks, kernel, request, previous, {}};
  for (const core::HookDescriptor& hook : hooks) {
    plan.offers.push_back(offered(hook, kernel));
  }
  std::set<std::string, std::less<>> enabled = request.probes;
  std::map<std::string, std::string, std::less<>> refusals;
  for (;;) {
    core::Result<Object> object = open_with(plan, enabled, "", previous == nullptr ? nullptr : &previous->object_);
    if (!object) {
      return object.error();
    }
    Object::LoadFailure failure;
    if (core::Result<void> loaded = object->load(&failure); !loaded) {
      if (failure.program.empty() || enabled.empty()) {
        return failure.error;
      }
      drop_listeners(plan, failure, enabled, refusals);
      if (enabled.empty()) {
        return failure.error;
      }
      continue;
    }
    std::unique_ptr<Session> session(new Session(std::move(*object), request));
    session->refusals_ = std::move(refusals);
    session->hooks_ = std::move(plan.offers);
    for (const core::HookState& hook : session->hooks_) {
      const struct bpf_program* program = session->object_.program(hook.program);
      if (program == nullptr || !bpf_program__autoload(program)) {
        continue;
      }
      ProgramState state{std::string(hook.program), bpf_program__section_name(program), false, {}};
      for (const core::ProbeDescriptor* probe : probes) {
        if (enabled.contains(probe->name) && listens(*probe, hook.program)) {
          state.probes.push_back(probe->name);
        }
      }
      session->programs_.push_back(std::move(state));
    }
    if (core::Result<void> done = session->write_filter(); !done) {
      return done.error();
    }
    if (core::Result<void> done = session->map_arrays(); !done) {
      return done.error();
    }
    return session;
  }
}

core::Result<void> Session::write_filter() {
  const std::uint32_t yes = 1;
  const int networks = bpf_map__fd(object_.map("filter_networks"));
  const auto add_networks = [&](const std::vector<core::Cidr>& list, tcpperf_side side) -> core::Result<void> {
    for (const core::Cidr& cidr : list) {
      tcpperf_network key{};
      key.prefix_bits = TCPPERF_NETWORK_SIDE_BITS + cidr.prefix_bits;
      key.side = side;
      std::copy(cidr.address.begin(), cidr.address.end(), key.address);
      if (const int err = bpf_map_update_elem(networks, &key, &yes, BPF_ANY); err != 0) {
        return core::Error::from_errno("write filter network " + core::to_string(cidr), -err);
      }
    }
    return {};
  };
  std::vector<std::uint64_t> words(TCPPERF_FILTER_PORT_WORDS);
  const auto add_ports = [&](const std::vector<PortInterval>& list, tcpperf_side side) {
    for (const PortInterval& ports : list) {
      for (std::uint32_t port = ports.first; port <= ports.last; ++port) {
        const std::uint32_t bit = static_cast<std::uint32_t>(side) * 65536 + port;
        words[bit / 64] |= std::uint64_t{1} << (bit % 64);
      }
    }
  };
  if (core::Result<void> done = add_networks(request_.filter.local_ip, TCPPERF_LOCAL); !done) {
    return done;
  }
  if (core::Result<void> done = add_networks(request_.filter.remote_ip, TCPPERF_REMOTE); !done) {
    return done;
  }
  add_ports(request_.filter.local_port, TCPPERF_LOCAL);
  add_ports(request_.filter.remote_port, TCPPERF_REMOTE);
  const int ports = bpf_map__fd(object_.map("filter_ports"));
  for (std::uint32_t i = 0; i < words.size(); ++i) {
    if (words[i] == 0) {
      continue;
    }
    if (const int err = bpf_map_update_elem(ports, &i, &words[i], BPF_ANY); err != 0) {
      return core::Error::from_errno("write filter ports", -err);
    }
  }
  return {};
}

core::Result<void> Session::map_arrays() {
  struct bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_.handle()) {
    if (bpf_map__type(map) != BPF_MAP_TYPE_ARRAY || (bpf_map__map_flags(map) & BPF_F_MMAPABLE) == 0 ||
        bpf_map__is_internal(map)) {
      continue;
    }
    const std::size_t element = (bpf_map__value_size(map) + 7) / 8 * 8;
    core::Result<MappedArray> array = MappedArray::map(bpf_map__fd(map), element * bpf_map__max_entries(map));
    if (!array) {
      return array.error().within(bpf_map__name(map));
    }
    arrays_.emplace(bpf_map__name(map), std::move(*array));
  }
  return {};
}

void Session::attach() {
  const std::lock_guard lock(mutex_);
  for (ProgramState& state : programs_) {
    core::Result<Link> link = bpf::attach(object_.program(state.name));
    const auto hook =
        std::find_if(hooks_.begin(), hooks_.end(), [&](const auto& h) { return h.program == state.name; });
    if (link) {
      links_.push_back(std::move(*link));
      state.attached = true;
    } else {
      hook->outcome = core::HookOutcome::kRefused;
      hook->reason = link.error().message;
    }
  }
}

void Session::detach() {
  const std::lock_guard lock(mutex_);
  links_.clear();
  for (ProgramState& state : programs_) {
    state.attached = false;
  }
}

std::vector<ProgramState> Session::programs() const {
  const std::lock_guard lock(mutex_);
  return programs_;
}

core::ProbeHealth Session::health(const core::ProbeDescriptor& probe) const {
  const std::lock_guard lock(mutex_);
  const auto refusal = refusals_.find(probe.name);
  return core::judge_probe(probe, request_.probes.contains(probe.name),
                           refusal == refusals_.end() ? "" : refusal->second, hooks_);
}

void Session::continue_stats_of(const Session& previous) {
  for (ProgramStats& stats : previous.program_stats()) {
    past_stats_[stats.name] = std::move(stats);
  }
}

std::vector<ProgramStats> Session::program_stats() const {
  std::map<std::string, ProgramStats, std::less<>> total = past_stats_;
  for (const ProgramState& state : programs()) {
    struct bpf_prog_info info {};
    __u32 bytes = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(object_.program(state.name)), &info, &bytes) != 0) {
      continue;
    }
    ProgramStats& stats = total[state.name];
    stats.name = state.name;
    stats.runs += info.run_cnt;
    stats.run_time_ns += info.run_time_ns;
    stats.recursion_misses += info.recursion_misses;
  }
  std::vector<ProgramStats> out;
  out.reserve(total.size());
  for (auto& [name, stats] : total) {
    out.push_back(std::move(stats));
  }
  return out;
}

std::vector<MapState> Session::maps() const {
  std::vector<MapState> out;
  const struct bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_.handle()) {
    if (bpf_map__is_internal(map) || bpf_map__type(map) == BPF_MAP_TYPE_SK_STORAGE) {
      continue;  // constants; and storage that lives and dies with its sockets
    }
    MapState state;
    state.name = bpf_map__name(map);
    state.capacity = bpf_map__max_entries(map);
    const std::uint64_t key_bytes = bpf_map__type(map) == BPF_MAP_TYPE_ARRAY ? 0 : bpf_map__key_size(map);
    state.bytes = state.capacity * (key_bytes + (bpf_map__value_size(map) + 7) / 8 * 8);
    state.entries = state.capacity;
    if (bpf_map__type(map) == BPF_MAP_TYPE_LPM_TRIE) {
      state.entries = request_.filter.local_ip.size() + request_.filter.remote_ip.size();
    } else if (bpf_map__type(map) == BPF_MAP_TYPE_LRU_HASH) {
      state.entries = 0;
      std::vector<unsigned char> keys(256 * bpf_map__key_size(map));
      std::vector<unsigned char> values(256 * bpf_map__value_size(map));
      std::uint32_t position = 0;
      for (bool first = true;; first = false) {
        __u32 count = 256;
        const int err = bpf_map_lookup_batch(bpf_map__fd(map), first ? nullptr : &position, &position, keys.data(),
                                             values.data(), &count, nullptr);
        if (err == 0 || err == -ENOENT) {
          state.entries += count;
        }
        if (err != 0) {
          break;
        }
      }
    }
    out.push_back(std::move(state));
  }
  return out;
}

std::span<const std::uint64_t> Session::counters(std::string_view map) const {
  const auto array = arrays_.find(map);
  return array == arrays_.end() ? std::span<const std::uint64_t>{} : array->second.as<std::uint64_t>();
}

std::span<const tcpperf_histogram> Session::histograms(std::string_view map) const {
  const auto array = arrays_.find(map);
  return array == arrays_.end() ? std::span<const tcpperf_histogram>{} : array->second.as<tcpperf_histogram>();
}

}  // namespace tcpperf::adapters::bpf

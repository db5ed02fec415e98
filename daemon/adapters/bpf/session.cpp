#include "adapters/bpf/session.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <set>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "abi/filter.h"
#include "abi/histogram.h"
#include "abi/sampling.h"
#include "adapters/bpf/privileges.h"

namespace tcpperf::adapters::bpf {
namespace {

std::size_t stored_key_bytes(const struct bpf_map* map) {
  return bpf_map__type(map) == BPF_MAP_TYPE_ARRAY ? 0 : bpf_map__key_size(map);
}

// The kernel rounds every element up to 8 bytes.
std::size_t stored_value_bytes(const struct bpf_map* map) {
  return (std::size_t{bpf_map__value_size(map)} + 7) / 8 * 8;
}

// The elements of a hash, in batches: few system calls, however many there are.
std::uint64_t count_entries(const struct bpf_map* map) {
  constexpr std::size_t kBatch = 512;
  std::vector<unsigned char> keys(kBatch * bpf_map__key_size(map));
  std::vector<unsigned char> values(kBatch * bpf_map__value_size(map));
  std::uint64_t entries = 0;
  std::uint32_t position = 0;
  for (bool first = true;; first = false) {
    __u32 count = kBatch;
    const int err = bpf_map_lookup_batch(bpf_map__fd(map), first ? nullptr : &position, &position, keys.data(),
                                         values.data(), &count, nullptr);
    if (err == 0 || err == -ENOENT) {
      entries += count;
    }
    if (err != 0) {
      return entries;
    }
  }
}

}  // namespace

core::Result<std::unique_ptr<Session>> Session::load(core::ProbeTable probes, core::HookTable hooks,
                                                     const Kernel& kernel, const LoadRequest& request,
                                                     const Session* previous) {
  const std::uint32_t epoch = previous == nullptr ? 1 : previous->epoch_ + 1;
  LoadPlan plan(probes, hooks, kernel, request, epoch);
  std::optional<Predecessor> before;
  if (previous != nullptr) {
    before.emplace(Predecessor{previous->object_, previous->request_});
  }
  ProbeNames enabled = request.probes;
  std::map<std::string, std::string, std::less<>> refusals;
  for (;;) {
    core::Result<Object> object = plan.open(enabled, "", before ? &*before : nullptr);
    if (!object) {
      return object.error();
    }
    Object::LoadFailure failure;
    if (core::Result<void> loaded = object->load(&failure); !loaded) {
      // Without the right to load any, it is no use to find out which.
      if (failure.program.empty() || (failure.error.system_errno == EPERM && !may_trace(read_privileges()))) {
        return failure.error;
      }
      if (!plan.drop_listeners(failure, enabled, refusals)) {
        if (others_depend_on(failure.program, request)) {
          return failure.error;
        }
        plan.give_up(failure.program, failure.error.message);
      }
      if (enabled.empty()) {
        return failure.error;
      }
      continue;
    }
    std::unique_ptr<Session> session(new Session(probes, std::move(*object), request));
    session->epoch_ = epoch;
    session->refusals_ = std::move(refusals);
    session->hooks_ = plan.offers();
    for (const core::HookState& hook : session->hooks_) {
      const struct bpf_program* program = session->object_.program(hook.program);
      if (program == nullptr || !bpf_program__autoload(program)) {
        continue;
      }
      ProgramState state{
          std::string(hook.program), bpf_program__section_name(program), plan.hook(hook.program).kind, false, {}};
      for (const core::ProbeDescriptor* probe : probes) {
        if (enabled.contains(probe->name) && plan.listens(*probe, hook.program)) {
          state.probes.push_back(probe->name);
        }
      }
      session->programs_.push_back(std::move(state));
    }
    const bool fresh_groups = previous == nullptr || !core::same_tables(previous->request_.groups, request.groups);
    for (const auto& prepare :
         {std::function([&] { return session->write_filter(); }), std::function([&] { return session->map_arrays(); }),
          std::function([&] { return session->open_sampling(previous); }),
          std::function([&] { return session->open_groups(fresh_groups); })}) {
      if (core::Result<void> done = prepare(); !done) {
        return done.error();
      }
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
    core::Result<MappedArray> array =
        MappedArray::map(bpf_map__fd(map), stored_value_bytes(map) * bpf_map__max_entries(map));
    if (!array) {
      return array.error().within(bpf_map__name(map));
    }
    arrays_.emplace(bpf_map__name(map), std::move(*array));
  }
  return {};
}

core::Result<void> Session::open_sampling(const Session* previous) {
  const core::Result<std::uint32_t> offset = object_.offset_of_live("live_sampling");
  if (!offset) {
    return offset.error();
  }
  const struct bpf_map* data = object_.map(".bss");
  core::Result<MappedArray> live = MappedArray::map(bpf_map__fd(data), stored_value_bytes(data));
  if (!live) {
    return live.error().within("live data of the BPF object");
  }
  live_.emplace(std::move(*live));
  sampling_word_ = *offset / sizeof(std::uint64_t);
  if (previous != nullptr) {
    sampling_level_ = previous->sampling_level_;
    returns_ = previous->returns_;
  }
  set_sampling(sampling_level_);
  return {};
}

// One store, so that no program sees the level without what belongs to it.
void Session::set_sampling(std::uint32_t level) {
  const std::lock_guard lock(mutex_);
  if (level < sampling_level_) {
    ++returns_;
  }
  sampling_level_ = level;
  const std::uint32_t epoch = (epoch_ & 0xffffU) << 16 | returns_;
  __atomic_store_n(&live_->as_writable<std::uint64_t>()[sampling_word_], tcpperf_sampling_word(level, epoch),
                   __ATOMIC_RELEASE);
}

std::uint32_t Session::sampling_level() const {
  const std::lock_guard lock(mutex_);
  return sampling_level_;
}

core::Result<void> Session::open_groups(bool fresh) {
  groups_.emplace(object_, arrays_.at("group_table"), request_.groups);
  for (const core::ProbeDescriptor* probe : probes_) {
    for (const core::MetricDef& metric : probe->metrics) {
      if (const struct bpf_map* map = object_.map(metric.source.map); map != nullptr) {
        cells_per_group_[std::string(metric.source.map)] =
            bpf_map__max_entries(map) / (1 + request_.groups.of(probe->name).groups);
      }
    }
  }
  return fresh ? groups_->fill() : core::Result<void>{};
}

namespace {

bool runs_over_map(const struct bpf_program* program) {
  const std::string_view section = bpf_program__section_name(program);
  return section == "iter/bpf_sk_storage_map" || section == "iter/bpf_map_elem";
}

// Of the namespace of the thread that begins the run.
bool runs_over_one_namespace(const struct bpf_program* program) {
  return std::string_view(bpf_program__section_name(program)) == "iter/tcp";
}

}  // namespace

// What hash maps remember of sockets that may have been freed while nothing was attached.
void Session::forget_sockets() {
  if (request_.object != ObjectVariant::kOlder) {
    return;
  }
  for (const std::string_view name : kSocketMaps) {
    const int map = bpf_map__fd(object_.map(name));
    for (std::uint64_t socket = 0; bpf_map_get_next_key(map, nullptr, &socket) == 0;) {
      bpf_map_delete_elem(map, &socket);
    }
  }
  for (std::uint64_t& entries : arrays_.at(std::string(kSocketEntries)).as_writable<std::uint64_t>()) {
    __atomic_store_n(&entries, 0, __ATOMIC_RELAXED);
  }
}

core::Result<void> Session::run(const Link& iterator, const struct bpf_program* program) const {
  const auto once = [&] { return run_iterator(iterator.get()); };
  return in_each_namespace_ && runs_over_one_namespace(program) ? in_each_namespace_(once) : once();
}

core::Result<Link> Session::attach_program(const ProgramState& state) {
  struct bpf_program* program = object_.program(state.name);
  switch (state.kind) {
    case core::HookKind::kTracepoint:
    case core::HookKind::kFunctionExit: return bpf::attach(program);
    case core::HookKind::kCgroupEgress: return attach_to_cgroup(program, request_.cgroup_root);
    case core::HookKind::kSampling:
      return attach_iterator(program, runs_over_map(program) ? object_.map("flows") : nullptr);
    case core::HookKind::kSeeding: break;
  }
  core::Result<Link> seeding = attach_iterator(program, nullptr);
  if (seeding) {
    if (core::Result<void> done = run(*seeding, program); !done) {
      return done.error();
    }
  }
  return seeding;
}

void Session::attach() {
  const std::lock_guard sampling_lock(sampling_mutex_);
  const std::lock_guard lock(mutex_);
  forget_sockets();
  // Seeding first: without the events no state changes under it.
  std::stable_partition(programs_.begin(), programs_.end(),
                        [](const ProgramState& state) { return state.kind == core::HookKind::kSeeding; });
  std::stable_partition(programs_.begin(), programs_.end(),
                        [&](const ProgramState& state) { return others_depend_on(state.name, request_); });
  std::optional<core::Error> cannot;
  sampling_.clear();
  for (ProgramState& state : programs_) {
    core::Result<Link> link = cannot ? *cannot : attach_program(state);
    const auto hook =
        std::find_if(hooks_.begin(), hooks_.end(), [&](const auto& h) { return h.program == state.name; });
    if (link) {
      state.attached = true;
      if (state.kind == core::HookKind::kSampling) {
        sampling_.emplace_back(state.name, std::move(*link));
      } else if (state.kind != core::HookKind::kSeeding) {
        links_.push_back(std::move(*link));
      }
    } else {
      hook->outcome = core::HookOutcome::kRefused;
      hook->reason = link.error().message;
      if (others_depend_on(state.name, request_)) {
        cannot = link.error();
      }
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

void Session::clear_sampled() {
  groups_->clear_sockets();
  for (const core::ProbeDescriptor* probe : probes_) {
    for (const core::MetricDef& metric : probe->metrics) {
      const auto array = arrays_.find(metric.source.map);
      if (metric.source.kind == core::SourceKind::kSampled && array != arrays_.end()) {
        for (std::uint64_t& counter : array->second.as_writable<std::uint64_t>()) {
          __atomic_store_n(&counter, 0, __ATOMIC_RELAXED);
        }
      }
    }
  }
}

core::Result<void> Session::sample() {
  const std::lock_guard lock(sampling_mutex_);
  if (sampling_.empty()) {
    return core::Error{"the sockets cannot be sampled: their program is not attached"};
  }
  clear_sampled();
  for (const auto& [name, iterator] : sampling_) {
    if (core::Result<void> done = run(iterator, object_.program(name)); !done) {
      return done;
    }
  }
  return {};
}

core::Result<void> Session::retire_group(std::uint32_t grouping, std::uint32_t slot) {
  std::set<std::string_view> moved;
  for (const core::ProbeDescriptor* probe : probes_) {
    const core::ProbeGrouping place = request_.groups.of(probe->name);
    if (place.groups == 0 || place.grouping != grouping) {
      continue;
    }
    for (const core::MetricDef& metric : probe->metrics) {
      const auto array = arrays_.find(metric.source.map);
      if (array != arrays_.end() && moved.insert(metric.source.map).second) {
        const std::span<std::uint64_t> words = array->second.as_writable<std::uint64_t>();
        move_to_other(words, words.size() / (1 + place.groups), slot, metric.spec.greatest);
      }
    }
  }
  return groups_->free(grouping, slot);
}

std::vector<ProgramState> Session::programs() const {
  const std::lock_guard lock(mutex_);
  return programs_;
}

core::ProbeHealth Session::health(const core::ProbeDescriptor& probe) const {
  const std::lock_guard lock(mutex_);
  const auto refusal = refusals_.find(probe.name);
  return core::judge_probe(probe, request_.probes.contains(probe.name),
                           refusal == refusals_.end() ? "" : refusal->second, hooks_, request_.constants,
                           sampling_level_ != 0);
}

bool Session::goes_on(const core::ProbeDescriptor& probe, const Session& previous) const {
  return this == &previous || same_groups(probe, request_, previous.request_);
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

RunTotals Session::event_runs() const {
  RunTotals total;
  for (const ProgramState& state : programs()) {
    struct bpf_prog_info info {};
    __u32 bytes = sizeof(info);
    if (state.kind != core::HookKind::kSampling && state.kind != core::HookKind::kSeeding &&
        bpf_obj_get_info_by_fd(bpf_program__fd(object_.program(state.name)), &info, &bytes) == 0) {
      total.runs += info.run_cnt;
      total.run_time_ns += info.run_time_ns;
    }
  }
  return total;
}

// Of a hash map. The programs count those of the large ones.
std::uint64_t Session::entries_of(const struct bpf_map* map) const {
  const auto large = std::find(std::begin(kSocketMaps), std::end(kSocketMaps), bpf_map__name(map));
  if (large == std::end(kSocketMaps)) {
    return count_entries(map);
  }
  const std::uint64_t& entries = counters(kSocketEntries)[static_cast<std::size_t>(large - std::begin(kSocketMaps))];
  return __atomic_load_n(&entries, __ATOMIC_RELAXED);
}

std::vector<MapState> Session::maps() const {
  std::vector<MapState> out;
  const struct bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_.handle()) {
    if (bpf_map__is_internal(map) || bpf_map__type(map) == BPF_MAP_TYPE_SK_STORAGE ||
        bpf_map__type(map) == BPF_MAP_TYPE_QUEUE) {
      continue;  // constants; storage that lives and dies with its sockets; and slots, told as tcpperf_groups
    }
    MapState state;
    state.name = bpf_map__name(map);
    state.capacity = bpf_map__max_entries(map);
    state.bytes = state.capacity * (stored_key_bytes(map) + stored_value_bytes(map));
    switch (bpf_map__type(map)) {
      case BPF_MAP_TYPE_LPM_TRIE:
        state.entries = request_.filter.local_ip.size() + request_.filter.remote_ip.size();
        break;
      case BPF_MAP_TYPE_HASH:
      case BPF_MAP_TYPE_LRU_HASH: state.entries = entries_of(map); break;
      default: state.entries = state.capacity;  // arrays
    }
    out.push_back(std::move(state));
  }
  return out;
}

std::span<const std::uint64_t> Session::counters(std::string_view map) const {
  const auto array = arrays_.find(map);
  return array == arrays_.end() ? std::span<const std::uint64_t>{} : array->second.as<std::uint64_t>();
}

std::uint32_t Session::cells_per_group(std::string_view map) const {
  const auto cells = cells_per_group_.find(map);
  return cells == cells_per_group_.end() ? 0 : cells->second;
}

std::span<const tcpperf_histogram> Session::histograms(std::string_view map) const {
  const auto array = arrays_.find(map);
  return array == arrays_.end() ? std::span<const tcpperf_histogram>{} : array->second.as<tcpperf_histogram>();
}

}  // namespace tcpperf::adapters::bpf

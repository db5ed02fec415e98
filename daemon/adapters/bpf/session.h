// One loaded set of BPF programs with its maps: what a configuration becomes in the kernel.
//
// A reload makes a new session that takes over the maps of the old one, so counters go on; then the old one detaches
// and the new one attaches. Between the two a few events are missed, none is counted twice.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/bpf/group_slots.h"
#include "adapters/bpf/kernel.h"
#include "adapters/bpf/load_plan.h"
#include "adapters/bpf/load_request.h"
#include "adapters/bpf/mapped_array.h"
#include "adapters/bpf/object.h"
#include "core/base/result.h"
#include "core/probe/descriptor.h"
#include "core/probe/health.h"

struct bpf_map;
struct tcpperf_histogram;

namespace tcpperf::adapters::bpf {

// The bytes of an object that is built into this program. Static storage duration.
std::span<const std::byte> embedded_object(ObjectVariant variant);

struct ProgramState {
  std::string name;
  std::string hook;  // "tp_btf/tcp_probe"
  core::HookKind kind = core::HookKind::kTracepoint;
  bool attached = false;
  std::vector<std::string_view> probes;  // the enabled probes that listen
};

// Of one program, the sets before this one included. Run time and runs are 0 unless kernel.bpf_stats_enabled is 1.
struct ProgramStats {
  std::string name;
  std::uint64_t runs = 0;
  std::uint64_t run_time_ns = 0;
  std::uint64_t recursion_misses = 0;  // runs skipped because the program was already running on that CPU
};

// Calls its argument in each network namespace that can be entered, in a thread that is in it, one after the other. An
// error when that cannot be done in the own one.
using InEachNamespace = std::function<core::Result<void>(const std::function<core::Result<void>()>&)>;

// Since the set was loaded, as far as the kernel has timed it.
struct RunTotals {
  std::uint64_t runs = 0;
  std::uint64_t run_time_ns = 0;  // timing included
};

struct MapState {
  std::string name;
  std::uint64_t entries = 0;
  std::uint64_t capacity = 0;
  std::uint64_t bytes = 0;  // of the elements when full, without the kernel's own overhead
};

// Made and attached by one thread; the const functions may be called from any thread while it exists, also while it is
// being attached or detached.
class Session {
 public:
  // Loads without attaching. A probe that the kernel refuses is left out and reported by health(); an Error means that
  // nothing could be loaded at all. `previous`: whose counters to go on with, or nullptr.
  static core::Result<std::unique_ptr<Session>> load(core::ProbeTable probes, core::HookTable hooks,
                                                     const Kernel& kernel, const LoadRequest& request,
                                                     const Session* previous);

  // On kernels where a look at the sockets reaches one network namespace at a time; before attach(). Without
  // it, they are those of the caller's namespace.
  void look_in(InEachNamespace in_each_namespace) { in_each_namespace_ = std::move(in_each_namespace); }
  // Looks at the sockets there are, then attaches all programs; or detaches them. Never fails as a whole: see health().
  void attach();
  void detach();
  // Looks at the counters of every socket, and counts what is counted anew each time (SourceKind::kSampled, the sockets
  // of each group). Without it these numbers stay as they are. Possible while detached. Takes about 0.2 us per socket.
  core::Result<void> sample();
  // Its programs' numbers are added to those of this session. For the set before this one, detached; not while others
  // read this one.
  void continue_stats_of(const Session& previous);

  // Which connections are looked at per segment and per call, from now on: see bpf/abi/sampling.h. A set begins with
  // the level of the one before. For the thread that attaches.
  void set_sampling(std::uint32_t level);
  [[nodiscard]] std::uint32_t sampling_level() const;

  // Whether the probe's numbers are those of `previous`, from which this session was loaded, and more.
  [[nodiscard]] bool goes_on(const core::ProbeDescriptor& probe, const Session& previous) const;

  [[nodiscard]] const LoadRequest& request() const { return request_; }
  [[nodiscard]] core::ProbeHealth health(const core::ProbeDescriptor& probe) const;
  [[nodiscard]] std::vector<ProgramState> programs() const;

  // Reads by system call, one per program.
  [[nodiscard]] std::vector<ProgramStats> program_stats() const;
  // Of all programs on events: what runs at a reading is the daemon's own CPU time. One system call per program.
  [[nodiscard]] RunTotals event_runs() const;
  // Hash maps are counted by system call, in batches.
  [[nodiscard]] std::vector<MapState> maps() const;

  // The elements of a map, empty when there is no such array. Valid as long as the session.
  [[nodiscard]] std::span<const std::uint64_t> counters(std::string_view map) const;
  [[nodiscard]] std::span<const tcpperf_histogram> histograms(std::string_view map) const;
  // How many of these belong to one group.
  [[nodiscard]] std::uint32_t cells_per_group(std::string_view map) const;

  // Valid as long as the session; for the thread that samples.
  [[nodiscard]] GroupSlots& groups() { return *groups_; }
  // A withdrawn group that nothing refers to: its past goes to `other`, in all maps of all probes; its slot is free.
  core::Result<void> retire_group(std::uint32_t grouping, std::uint32_t slot);

 private:
  Session(core::ProbeTable probes, Object object, LoadRequest request)
      : probes_(probes), object_(std::move(object)), request_(std::move(request)) {}
  core::Result<void> write_filter();
  core::Result<void> map_arrays();
  core::Result<void> open_sampling(const Session* previous);
  core::Result<void> open_groups(bool fresh);
  core::Result<Link> attach_program(const ProgramState& state);
  core::Result<void> run(const Link& iterator, const struct bpf_program* program) const;
  void clear_sampled();
  void forget_sockets();
  [[nodiscard]] std::uint64_t entries_of(const struct bpf_map* map) const;

  core::ProbeTable probes_;

  Object object_;
  LoadRequest request_;
  std::uint32_t epoch_ = 1;                                   // of the flow states; see bpf/lib/flow.bpf.h
  std::map<std::string, std::string, std::less<>> refusals_;  // probe -> why the kernel refused it
  std::map<std::string, MappedArray, std::less<>> arrays_;
  std::optional<MappedArray> live_;  // what the programs are told while they run
  std::size_t sampling_word_ = 0;    // the element of it
  std::optional<GroupSlots> groups_;
  std::map<std::string, std::uint32_t, std::less<>> cells_per_group_;  // of the maps of probes
  std::map<std::string, ProgramStats, std::less<>> past_stats_;        // of the sets before, by program

  std::mutex sampling_mutex_;                           // one sampling at a time
  std::vector<std::pair<std::string, Link>> sampling_;  // by program, ready to run
  InEachNamespace in_each_namespace_;

  mutable std::mutex mutex_;  // guards what follows
  std::vector<core::HookState> hooks_;
  std::vector<ProgramState> programs_;
  std::vector<Link> links_;  // of the events
  std::uint32_t sampling_level_ = 0;
  std::uint16_t returns_ = 0;  // how often connections came back in, the sets before this one included
};

}  // namespace tcpperf::adapters::bpf

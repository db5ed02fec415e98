// From a request to an object that is ready to be loaded: programs chosen, constants set, maps sized or taken over.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/bpf/kernel.h"
#include "adapters/bpf/load_request.h"
#include "adapters/bpf/object.h"
#include "core/probe/descriptor.h"
#include "core/probe/health.h"

namespace tcpperf::adapters::bpf {

// A set that runs, whose counters go on.
struct Predecessor {
  const Object& object;
  const LoadRequest& request;
};

// Refers to its arguments.
class LoadPlan {
 public:
  LoadPlan(core::ProbeTable probes, core::HookTable hooks, const Kernel& kernel, const LoadRequest& request,
           std::uint32_t epoch);

  // With these probes; of the programs only `only_program` unless it is empty. `previous` may be nullptr.
  [[nodiscard]] core::Result<Object> open(const ProbeNames& enabled, std::string_view only_program,
                                          const Predecessor* previous) const;

  // A program was refused. Takes the probes that are to blame from `enabled` and says why in `refusals`: each listener
  // is tried alone; if none fails alone, the last one gives way. False when it has no listener to take away, or none is
  // to be taken away: what a function's exit tells has a substitute.
  bool drop_listeners(const Object::LoadFailure& failure, ProbeNames& enabled,
                      std::map<std::string, std::string, std::less<>>& refusals) const;

  // The kernel refused a hook, and no probe is to blame: not tried again.
  void give_up(std::string_view program, const std::string& reason);

  // What this kernel offers each hook; kAttached stands for "can be tried".
  [[nodiscard]] const std::vector<core::HookState>& offers() const { return offers_; }
  [[nodiscard]] const core::HookDescriptor& hook(std::string_view program) const;  // of those it was made with
  [[nodiscard]] bool listens(const core::ProbeDescriptor& probe, std::string_view program) const;

 private:
  [[nodiscard]] bool wanted(const core::HookDescriptor& hook, const ProbeNames& enabled) const;
  core::Result<void> set_constants(Object& object, const ProbeNames& enabled) const;
  core::Result<void> size_maps(Object& object) const;
  core::Result<void> take_maps(Object& object, const Predecessor& previous) const;
  [[nodiscard]] bool goes_on(std::string_view map, const LoadRequest& previous) const;

  core::ProbeTable probes_;
  core::HookTable hooks_;
  const Kernel& kernel_;
  const LoadRequest& request_;
  std::uint32_t epoch_;
  std::vector<core::HookState> offers_;
};

// The first element of a grouping in `group_table`. Each has one more than its capacity, for `other`.
std::uint32_t first_group_element(const core::GroupPlan& plan, std::uint32_t grouping);
// What is remembered of sockets is in hash maps of the older object: a socket's entries are deleted by the program that
// runs when the socket is freed. Without it another socket, at the same address later, would be taken for it.
inline constexpr std::string_view kSocketMaps[] = {"flows", "owners", "group_listeners"};
inline constexpr std::string_view kSocketEntries = "storage_entries";  // of these, by enum tcpperf_storage
inline constexpr std::string_view kDestroyProgram = "on_destroy";
// Whether the program must run for the others to.
bool others_depend_on(std::string_view program, const LoadRequest& request);

// The queue of a grouping's free slots.
std::string free_slots_map(std::uint32_t grouping);
// Whether the numbers of a probe mean the same under both requests, so that they can go on.
bool same_groups(const core::ProbeDescriptor& probe, const LoadRequest& one, const LoadRequest& other);

}  // namespace tcpperf::adapters::bpf

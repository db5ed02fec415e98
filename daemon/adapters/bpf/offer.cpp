#include "adapters/bpf/offer.h"

#include <optional>
#include <string>

#include <bpf/libbpf.h>

namespace tcpperf::adapters::bpf {
namespace {

constexpr std::string_view kIterator = "iter/";

// Empty when nothing is missing.
std::string missing_for(const core::HookDescriptor& hook, const Kernel& kernel, const Object* object,
                        std::string_view cgroup_root) {
  const std::string target(hook.target);
  switch (hook.kind) {
    case core::HookKind::kTracepoint: {
      const std::optional<unsigned> arguments = kernel.tracepoint_arguments(hook.target);
      if (!arguments) {
        return "this kernel has no tracepoint " + target;
      }
      if (*arguments < hook.arguments) {
        return "tracepoint " + target + " of this kernel has " + std::to_string(*arguments) + " arguments, " +
               std::to_string(hook.arguments) + " are needed";
      }
      return "";
    }
    case core::HookKind::kFunctionExit:
      return kernel.function_arguments(hook.target).value_or(0) < hook.arguments
                 ? "this kernel has no function " + target + " that can be traced"
                 : "";
    case core::HookKind::kCgroupEgress: return cgroup_root.empty() ? "no cgroup2 hierarchy is mounted" : "";
    case core::HookKind::kSampling:
    case core::HookKind::kSeeding: {
      const struct bpf_program* program = object == nullptr ? nullptr : object->program(hook.program);
      const std::string_view section = program == nullptr ? "" : bpf_program__section_name(program);
      const std::string over(section.starts_with(kIterator) ? section.substr(kIterator.size()) : "");
      return over.empty() || kernel.has_iterator(over)
                 ? ""
                 : "this kernel cannot run programs over its " + over + " (BPF iterators)";
    }
  }
  return "";
}

}  // namespace

core::HookState offer_to(const core::HookDescriptor& hook, const Kernel& kernel, const Object* object,
                         std::string_view cgroup_root) {
  std::string missing = missing_for(hook, kernel, object, cgroup_root);
  const core::HookOutcome outcome = missing.empty() ? core::HookOutcome::kAttached : core::HookOutcome::kMissing;
  return {hook.program, outcome, std::move(missing)};
}

}  // namespace tcpperf::adapters::bpf

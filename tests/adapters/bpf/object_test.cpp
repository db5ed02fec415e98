// The embedded BPF object against the descriptors and the kernel's types. Any user: nothing is loaded.
#include "adapters/bpf/object.h"

#include <cstring>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "abi/groups.h"
#include "abi/histogram.h"
#include "adapters/bpf/session.h"
#include "catch.h"
#include "probes/registry.h"

namespace {

namespace core = tcpperf::core;
using tcpperf::adapters::bpf::embedded_object;
using tcpperf::adapters::bpf::Kernel;
using tcpperf::adapters::bpf::Object;
using tcpperf::adapters::bpf::ObjectVariant;

const std::vector<ObjectVariant> kVariants = {ObjectVariant::kRecent, ObjectVariant::kOlder};

Object open_object(ObjectVariant variant) {
  core::Result<Object> object = Object::open(embedded_object(variant));
  REQUIRE(object.has_value());
  return std::move(*object);
}

// A member by name, in the struct itself or in an unnamed struct or union inside it.
const struct btf_member* find_member(const struct btf* types, const struct btf_type* type, const char* name) {
  const struct btf_member* members = btf_members(type);
  for (int i = 0; i < btf_vlen(type); ++i) {
    const char* member = btf__name_by_offset(types, members[i].name_off);
    if (std::strcmp(member, name) == 0) {
      return &members[i];
    }
    if (member[0] == '\0') {
      const struct btf_type* inner = btf__type_by_id(types, members[i].type);
      if (btf_is_composite(inner)) {
        if (const struct btf_member* found = find_member(types, inner, name)) {
          return found;
        }
      }
    }
  }
  return nullptr;
}

// Programs that only the object for older kernels has.
bool of_older_object(std::string_view program) {
  return program == "on_references" || program == "on_seed_owner";
}

std::string section_of(const core::HookDescriptor& hook, ObjectVariant variant) {
  const bool older = variant == ObjectVariant::kOlder;
  switch (hook.kind) {
    case core::HookKind::kTracepoint: return "tp_btf/" + std::string(hook.target);
    case core::HookKind::kFunctionExit: return "fexit/" + std::string(hook.target);
    case core::HookKind::kCgroupEgress: return "cgroup_skb/egress";
    case core::HookKind::kSampling:
      return !older ? "iter/bpf_sk_storage_map" : hook.program == "on_sample" ? "iter/tcp" : "iter/bpf_map_elem";
    case core::HookKind::kSeeding: return older && hook.program == "on_seed" ? "iter/tcp" : "iter/task_file";
  }
  return "";
}

}  // namespace

TEST_CASE("every program, map and constant that a descriptor names is in the object", "[object]") {
  const ObjectVariant variant = GENERATE(from_range(kVariants));
  Object object = open_object(variant);
  const auto kernel = Kernel::open();
  REQUIRE(kernel.has_value());
  for (const core::ProbeDescriptor* probe : tcpperf::probes::probe_table()) {
    INFO(probe->name);
    CHECK((probe->enable_symbol.empty() || object.set_constant(probe->enable_symbol, 1).has_value()));
    for (const core::KnobSpec& knob : probe->knobs) {
      INFO(knob.key);
      CHECK(object.set_constant(knob.symbol, knob.max_value).has_value());
    }
    for (const core::KernelConstant& constant : probe->constants) {
      CHECK(object.set_constant(constant.symbol, constant.value_if_absent).has_value());
    }
    for (const core::MetricDef& metric : probe->metrics) {
      if (!core::can_be_grouped(metric.source.kind)) {
        continue;
      }
      INFO(metric.spec.name);
      const struct bpf_map* map = object.map(metric.source.map);
      REQUIRE(map != nullptr);
      const bool histogram = metric.source.kind == core::SourceKind::kHistograms;
      CHECK(bpf_map__value_size(map) == (histogram ? sizeof(tcpperf_histogram) : sizeof(std::uint64_t)));
      for (const core::Cell& cell : metric.source.cells(**kernel)) {
        CHECK(cell.index < bpf_map__max_entries(map));
      }
    }
  }
  for (const core::HookDescriptor& hook : tcpperf::probes::hook_table()) {
    INFO(hook.program);
    if (variant == ObjectVariant::kRecent && of_older_object(hook.program)) {
      CHECK(object.program(hook.program) == nullptr);
      continue;
    }
    REQUIRE(object.program(hook.program) != nullptr);
    CHECK(bpf_program__section_name(object.program(hook.program)) == section_of(hook, variant));
    for (const core::KernelArgument& argument : hook.optional_arguments) {
      CHECK(object.set_constant(argument.symbol, 1).has_value());
    }
  }
}

TEST_CASE("every program of the object is in the table of hooks", "[object]") {
  std::set<std::string> known;
  for (const core::HookDescriptor& hook : tcpperf::probes::hook_table()) {
    known.emplace(hook.program);
  }
  for (const std::string& name : open_object(GENERATE(from_range(kVariants))).program_names()) {
    INFO(name);
    CHECK(known.contains(name));
  }
}

TEST_CASE("map names fit into the kernel's fifteen characters and stay distinct", "[object]") {
  const Object object = open_object(GENERATE(from_range(kVariants)));
  std::set<std::string> names;
  const struct bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.handle()) {
    if (!bpf_map__is_internal(map)) {
      const std::string name = bpf_map__name(map);
      INFO(name);
      CHECK(name.size() <= 15);
      CHECK(names.insert(name).second);
    }
  }
}

TEST_CASE("the maps are small with all probes grouped, and none is multiplied by the number of CPUs", "[object]") {
  constexpr std::uint64_t kDefaultBudget = 64;
  const Object object = open_object(GENERATE(from_range(kVariants)));
  std::set<std::string_view> grouped;
  for (const core::ProbeDescriptor* probe : tcpperf::probes::probe_table()) {
    for (const core::MetricDef& metric : probe->metrics) {
      grouped.insert(metric.source.map);
    }
  }
  std::uint64_t bytes = TCPPERF_GROUPINGS * (1 + kDefaultBudget) * (sizeof(tcpperf_group) + sizeof(tcpperf_group_key));
  const struct bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.handle()) {
    INFO(bpf_map__name(map));
    CHECK(bpf_map__type(map) != BPF_MAP_TYPE_PERCPU_ARRAY);
    CHECK(bpf_map__type(map) != BPF_MAP_TYPE_PERCPU_HASH);
    const std::uint64_t element = std::uint64_t{bpf_map__key_size(map)} + bpf_map__value_size(map);
    bytes += bpf_map__max_entries(map) * element * (grouped.contains(bpf_map__name(map)) ? 1 + kDefaultBudget : 1);
  }
  CHECK(bytes > 0);
  CHECK(bytes < 64ULL << 20);
}

// Before 5.12 the kernel refuses these wherever they stand, also where no program comes.
TEST_CASE("the object for older kernels has no atomic operation but additions", "[object]") {
  const auto other_atomics = [](ObjectVariant variant) {
    const Object object = open_object(variant);
    std::size_t found = 0;
    struct bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object.handle()) {
      const std::span<const struct bpf_insn> code(bpf_program__insns(program), bpf_program__insn_cnt(program));
      REQUIRE_FALSE(code.empty());
      for (const struct bpf_insn& instruction : code) {
        const bool atomic = BPF_CLASS(instruction.code) == BPF_STX && BPF_MODE(instruction.code) == BPF_ATOMIC;
        found += atomic && instruction.imm != BPF_ADD ? 1 : 0;
      }
    }
    return found;
  };
  CHECK(other_atomics(ObjectVariant::kRecent) > 0);
  CHECK(other_atomics(ObjectVariant::kOlder) == 0);
}

TEST_CASE("a constant that does not exist or does not fit is an error", "[object]") {
  Object object = open_object(ObjectVariant::kRecent);
  CHECK_FALSE(object.set_constant("cfg_no_such_thing", 1).has_value());
  CHECK_FALSE(object.set_constant("cfg_rtt", 256).has_value());
}

TEST_CASE("the kernel fields we read have the width we read them with", "[object]") {
  const ObjectVariant variant = GENERATE(from_range(kVariants));
  const Object object = open_object(variant);
  const struct btf* ours = bpf_object__btf(object.handle());
  struct btf* theirs = btf__load_vmlinux_btf();
  REQUIRE(theirs != nullptr);
  int compared = 0;
  std::vector<const char*> structs = {"sock_common",
                                      "sock",
                                      "inet_sock",
                                      "inet_connection_sock",
                                      "minmax",
                                      "minmax_sample",
                                      "tcp_sock",
                                      "request_sock",
                                      "tcp_request_sock",
                                      "sk_buff",
                                      "tcp_skb_cb",
                                      "ns_common",
                                      "net",
                                      "kernfs_node",
                                      "cgroup",
                                      "sock_cgroup_data",
                                      "net_device",
                                      "dst_entry",
                                      "socket",
                                      "sock_reuseport",
                                      "request_sock_queue",
                                      "tcp_options_received",
                                      "tcp_congestion_ops",
                                      "task_struct"};
  if (variant == ObjectVariant::kOlder) {
    structs.insert(structs.end(), {"file", "inode", "super_block",  // how it finds who has a socket open
                                   "list_head"});
  }
  for (const char* name : structs) {
    const int our_id = btf__find_by_name_kind(ours, name, BTF_KIND_STRUCT);
    const int their_id = btf__find_by_name_kind(theirs, name, BTF_KIND_STRUCT);
    INFO(name);
    REQUIRE(our_id > 0);
    REQUIRE(their_id > 0);
    const struct btf_type* our_type = btf__type_by_id(ours, static_cast<__u32>(our_id));
    const struct btf_type* their_type = btf__type_by_id(theirs, static_cast<__u32>(their_id));
    for (int i = 0; i < btf_vlen(our_type); ++i) {
      const struct btf_member& member = btf_members(our_type)[i];
      const char* field = btf__name_by_offset(ours, member.name_off);
      INFO(field);
      const struct btf_member* other = find_member(theirs, their_type, field);
      REQUIRE(other != nullptr);
      if (btf_member_bitfield_size(our_type, static_cast<__u32>(i)) != 0) {
        continue;  // read with the width that the relocation gives
      }
      const struct btf_type* resolved = btf__type_by_id(ours, member.type);
      if (btf_is_struct(resolved)) {
        continue;  // compared by its own fields
      }
      CHECK(btf__resolve_size(ours, member.type) == btf__resolve_size(theirs, other->type));
      ++compared;
    }
  }
  CHECK(compared > 20);
  btf__free(theirs);
}

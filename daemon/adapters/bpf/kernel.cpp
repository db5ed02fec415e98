#include "adapters/bpf/kernel.h"

#include <cerrno>
#include <ctime>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

namespace tcpperf::adapters::bpf {
namespace {

bool has_member(const struct btf& types, __u32 id, std::string_view name) {
  const struct btf_type* type = btf__type_by_id(&types, id);
  const struct btf_member* members = btf_members(type);
  for (__u32 i = 0; i < btf_vlen(type); ++i) {
    const std::string_view member = btf__name_by_offset(&types, members[i].name_off);
    if (member == name) {
      return true;
    }
    if (member.empty() && btf_is_composite(btf__type_by_id(&types, members[i].type)) &&
        has_member(types, members[i].type, name)) {
      return true;
    }
  }
  return false;
}

}  // namespace

void Kernel::BtfDeleter::operator()(struct btf* types) const {
  btf__free(types);
}

core::Result<std::unique_ptr<Kernel>> Kernel::open() {
  libbpf_set_print(nullptr);  // its failure is ours to tell
  struct btf* types = btf__load_vmlinux_btf();
  if (types == nullptr) {
    const int err = errno;
    constexpr const char* kRemedy =
        "; it takes a kernel built with CONFIG_DEBUG_INFO_BTF=y, as those of Debian 11, Ubuntu 20.10, RHEL 8.2 and "
        "later are";
    if (err == ESRCH || err == ENOENT) {  // libbpf found it nowhere
      return core::Error{std::string("this kernel has no type information (/sys/kernel/btf/vmlinux)") + kRemedy, err};
    }
    core::Error error = core::Error::from_errno("read kernel type information (/sys/kernel/btf/vmlinux)", err);
    error.message += kRemedy;
    return error;
  }
  return std::unique_ptr<Kernel>(new Kernel(types));
}

std::optional<unsigned> Kernel::tracepoint_arguments(std::string_view tracepoint) const {
  const std::string name = "btf_trace_" + std::string(tracepoint);
  const int id = btf__find_by_name_kind(types_.get(), name.c_str(), BTF_KIND_TYPEDEF);
  if (id < 0) {
    return std::nullopt;
  }
  // typedef -> pointer -> function prototype, whose first parameter is the tracepoint's private data.
  const struct btf_type* type = btf__type_by_id(types_.get(), static_cast<__u32>(id));
  type = btf__type_by_id(types_.get(), type->type);
  if (type == nullptr || !btf_is_ptr(type)) {
    return std::nullopt;
  }
  type = btf__type_by_id(types_.get(), type->type);
  if (type == nullptr || !btf_is_func_proto(type) || btf_vlen(type) == 0) {
    return std::nullopt;
  }
  return static_cast<unsigned>(btf_vlen(type) - 1);
}

std::optional<unsigned> Kernel::function_arguments(std::string_view function) const {
  const int id = btf__find_by_name_kind(types_.get(), std::string(function).c_str(), BTF_KIND_FUNC);
  if (id < 0) {
    return std::nullopt;
  }
  const struct btf_type* type = btf__type_by_id(types_.get(), static_cast<__u32>(id));
  type = btf__type_by_id(types_.get(), type->type);
  if (type == nullptr || !btf_is_func_proto(type)) {
    return std::nullopt;
  }
  return static_cast<unsigned>(btf_vlen(type));
}

bool Kernel::has_iterator(std::string_view name) const {
  const std::string context = "bpf_iter__" + std::string(name);
  return btf__find_by_name_kind(types_.get(), context.c_str(), BTF_KIND_STRUCT) >= 0;
}

ObjectVariant Kernel::fitting_object() const {
  const bool recent =
      function_arguments("bpf_sk_storage_get_tracing") && function_arguments("bpf_get_socket_ptr_cookie");
  return recent ? ObjectVariant::kRecent : ObjectVariant::kOlder;
}

std::chrono::nanoseconds Kernel::jiffy() {
  // The resolution of the coarse clock is TICK_NSEC (kernel/time/posix-timers.c: posix_get_coarse_res()).
  struct timespec tick {};
  clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  return std::chrono::seconds(tick.tv_sec) + std::chrono::nanoseconds(tick.tv_nsec);
}

std::vector<std::pair<std::string, std::uint32_t>> Kernel::enumerators(std::string_view name) const {
  std::vector<std::pair<std::string, std::uint32_t>> out;
  const int id = btf__find_by_name_kind(types_.get(), std::string(name).c_str(), BTF_KIND_ENUM);
  if (id < 0) {
    return out;
  }
  const struct btf_type* type = btf__type_by_id(types_.get(), static_cast<__u32>(id));
  const struct btf_enum* values = btf_enum(type);
  for (__u32 i = 0; i < btf_vlen(type); ++i) {
    const char* text = btf__name_by_offset(types_.get(), values[i].name_off);
    if (text != nullptr) {
      out.emplace_back(text, static_cast<std::uint32_t>(values[i].val));
    }
  }
  return out;
}

bool Kernel::has_field(std::string_view type, std::string_view field) const {
  const int id = btf__find_by_name_kind(types_.get(), std::string(type).c_str(), BTF_KIND_STRUCT);
  return id >= 0 && has_member(*types_, static_cast<__u32>(id), field);
}

}  // namespace tcpperf::adapters::bpf

#include "adapters/bpf/object.h"

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <optional>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>

#include "adapters/bpf/privileges.h"

namespace tcpperf::adapters::bpf {
namespace {

// libbpf says why it fails only through this callback. Kept per thread, bounded, and read right after the failing call.
thread_local std::string log_tail;
constexpr std::size_t kLogBytes = 65536;

int keep_log(enum libbpf_print_level level, const char* format, va_list args) {
  if (level == LIBBPF_DEBUG) {
    return 0;
  }
  va_list measuring;
  va_copy(measuring, args);
  const int length = std::vsnprintf(nullptr, 0, format, measuring);
  va_end(measuring);
  if (length <= 0) {
    return length;
  }
  const std::size_t before = log_tail.size();
  log_tail.resize(before + static_cast<std::size_t>(length) + 1);
  std::vsnprintf(log_tail.data() + before, static_cast<std::size_t>(length) + 1, format, args);
  log_tail.pop_back();
  if (log_tail.size() > kLogBytes) {
    log_tail.erase(0, log_tail.size() - kLogBytes);
  }
  return length;
}

// "libbpf: prog 'on_ack': failed to load: -13" -> "on_ack".
std::string refused_program() {
  const std::size_t end = log_tail.find("': failed to load");
  if (end == std::string::npos) {
    return "";
  }
  const std::size_t begin = log_tail.rfind("prog '", end);
  return begin == std::string::npos ? "" : log_tail.substr(begin + 6, end - begin - 6);
}

// The verifier's complaint is the last line before its statistics.
std::string verifier_complaint() {
  const std::size_t end = log_tail.find("\nprocessed ");
  if (end == std::string::npos) {
    return "";
  }
  const std::size_t begin = log_tail.rfind('\n', end - 1);
  return log_tail.substr(begin + 1, end - begin - 1);
}

core::Error load_error(int err) {
  core::Error error = core::Error::from_errno("load BPF programs", err);
  if (const std::string complaint = verifier_complaint(); !complaint.empty()) {
    error.message += ": " + complaint;
  } else if (const std::string why = why_refused(err, read_privileges()); !why.empty()) {
    error.message += "; " + why;
  }
  return error;
}

}  // namespace

void Object::ObjectDeleter::operator()(struct bpf_object* object) const {
  bpf_object__close(object);
}
void LinkDeleter::operator()(struct bpf_link* link) const {
  bpf_link__destroy(link);
}

core::Result<Object> Object::open(std::span<const std::byte> bytes) {
  libbpf_set_print(keep_log);
  log_tail.clear();
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "tcpperf");
  struct bpf_object* object = bpf_object__open_mem(bytes.data(), bytes.size(), &options);
  if (object == nullptr) {
    return core::Error::from_errno("open BPF object", errno);
  }
  return Object(object);
}

namespace {

struct Variable {
  std::uint32_t offset = 0;  // bytes, in its section
  std::uint32_t bytes = 0;
};

std::optional<Variable> find_variable(const struct bpf_object* object, const char* section_name,
                                      std::string_view symbol) {
  const struct btf* types = bpf_object__btf(object);
  const int section = btf__find_by_name_kind(types, section_name, BTF_KIND_DATASEC);
  if (section < 0) {
    return std::nullopt;
  }
  const struct btf_type* type = btf__type_by_id(types, static_cast<__u32>(section));
  const struct btf_var_secinfo* variables = btf_var_secinfos(type);
  for (__u32 i = 0; i < btf_vlen(type); ++i) {
    const struct btf_type* variable = btf__type_by_id(types, variables[i].type);
    if (symbol == btf__name_by_offset(types, variable->name_off)) {
      return Variable{variables[i].offset, variables[i].size};
    }
  }
  return std::nullopt;
}

}  // namespace

core::Result<void> Object::set_constant(std::string_view symbol, std::uint64_t value) {
  const std::optional<Variable> variable = find_variable(object_.get(), ".rodata", symbol);
  struct bpf_map* constants = bpf_object__find_map_by_name(object_.get(), ".rodata");
  if (!variable || constants == nullptr) {
    return core::Error{"the BPF object has no constant " + std::string(symbol)};
  }
  std::size_t bytes = 0;
  auto* data = static_cast<unsigned char*>(const_cast<void*>(bpf_map__initial_value(constants, &bytes)));
  const std::size_t width = variable->bytes;
  if (width > sizeof(value) || variable->offset + width > bytes ||
      (width < sizeof(value) && value >> (8 * width) != 0)) {
    return core::Error{"BPF constant " + std::string(symbol) + " cannot hold " + std::to_string(value)};
  }
  std::memcpy(data + variable->offset, &value, width);  // both sides are little-endian
  return {};
}

core::Result<std::uint32_t> Object::offset_of_live(std::string_view symbol) const {
  const std::optional<Variable> variable = find_variable(object_.get(), ".bss", symbol);
  if (!variable || map(".bss") == nullptr) {
    return core::Error{"the BPF object has no variable " + std::string(symbol)};
  }
  return variable->offset;
}

std::vector<std::string> Object::program_names() const {
  std::vector<std::string> names;
  struct bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object_.get()) {
    names.emplace_back(bpf_program__name(program));
  }
  return names;
}

struct bpf_program* Object::program(std::string_view name) const {
  return bpf_object__find_program_by_name(object_.get(), std::string(name).c_str());
}

struct bpf_map* Object::map(std::string_view name) const {
  return bpf_object__find_map_by_name(object_.get(), std::string(name).c_str());
}

core::Result<void> Object::load(LoadFailure* failure) {
  log_tail.clear();
  const int err = bpf_object__load(object_.get());
  if (err != 0) {
    failure->program = refused_program();
    failure->error = load_error(-err);
    return failure->error;
  }
  return {};
}

namespace {

core::Result<Link> checked(struct bpf_link* raw, struct bpf_program* program) {
  Link link(raw);
  if (link == nullptr) {
    return core::Error::from_errno(std::string("attach ") + bpf_program__section_name(program), errno);
  }
  return link;
}

// Closes it at the end.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

core::Result<Link> attach(struct bpf_program* program) {
  log_tail.clear();
  return checked(bpf_program__attach(program), program);
}

core::Result<Link> attach_to_cgroup(struct bpf_program* program, const std::string& cgroup) {
  log_tail.clear();
  const Fd directory(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) {
    return core::Error::from_errno("open " + cgroup, errno);
  }
  return checked(bpf_program__attach_cgroup(program, directory.get()), program);
}

core::Result<Link> attach_iterator(struct bpf_program* program, const struct bpf_map* map) {
  log_tail.clear();
  union bpf_iter_link_info target {};
  LIBBPF_OPTS(bpf_iter_attach_opts, options);
  if (map != nullptr) {
    target.map.map_fd = static_cast<__u32>(bpf_map__fd(map));
    options.link_info = &target;
    options.link_info_len = sizeof(target);
  }
  return checked(bpf_program__attach_iter(program, &options), program);
}

core::Result<void> run_iterator(const struct bpf_link* iterator) {
  const Fd run(bpf_iter_create(bpf_link__fd(iterator)));
  if (run.get() < 0) {
    return core::Error::from_errno("create BPF iterator", errno);
  }
  // The program writes nothing: reading to the end runs it. EAGAIN: the kernel wants to be asked again.
  std::array<char, 64> nothing{};
  for (;;) {
    const ssize_t bytes = ::read(run.get(), nothing.data(), nothing.size());
    if (bytes == 0) {
      return {};
    }
    if (bytes < 0 && errno != EAGAIN && errno != EINTR) {
      return core::Error::from_errno("run BPF iterator", errno);
    }
  }
}

}  // namespace tcpperf::adapters::bpf

// One opened BPF object file: constants, programs and maps by name. A thin owner of libbpf's handle.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

struct bpf_link;
struct bpf_map;
struct bpf_object;
struct bpf_program;

namespace tcpperf::adapters::bpf {

// Used by one thread. Loading destroys nothing on failure, but a failed object cannot be loaded again: open a new one.
class Object {
 public:
  // Parses the embedded bytes, which must outlive the object. Needs no privilege.
  static core::Result<Object> open(std::span<const std::byte> bytes);

  // Sets a constant of the read-only data; before load(). Error when there is no such symbol or the value does not fit.
  core::Result<void> set_constant(std::string_view symbol, std::uint64_t value);

  // Where a variable that can be changed while the programs run is among the data of map(".bss"), in bytes.
  [[nodiscard]] core::Result<std::uint32_t> offset_of_live(std::string_view symbol) const;

  [[nodiscard]] std::vector<std::string> program_names() const;
  [[nodiscard]] struct bpf_program* program(std::string_view name) const;  // nullptr when there is none
  [[nodiscard]] struct bpf_map* map(std::string_view name) const;          // nullptr when there is none
  [[nodiscard]] struct bpf_object* handle() const { return object_.get(); }

  struct LoadFailure {
    std::string program;  // the program that the kernel refused; empty when it was something else
    core::Error error;    // with the verifier's last words
  };
  // Loads all maps and the programs that are switched on.
  core::Result<void> load(LoadFailure* failure);

 private:
  struct ObjectDeleter {
    void operator()(struct bpf_object* object) const;
  };
  explicit Object(struct bpf_object* object) : object_(object) {}

  std::unique_ptr<struct bpf_object, ObjectDeleter> object_;
};

struct LinkDeleter {
  void operator()(struct bpf_link* link) const;
};
using Link = std::unique_ptr<struct bpf_link, LinkDeleter>;

// Attaches a loaded program where its section says.
core::Result<Link> attach(struct bpf_program* program);
// Attaches a loaded program to a cgroup, by the path of its directory.
core::Result<Link> attach_to_cgroup(struct bpf_program* program, const std::string& cgroup);
// Makes a loaded iterator program ready to run; over the elements of `map` when it is not nullptr.
core::Result<Link> attach_iterator(struct bpf_program* program, const struct bpf_map* map);
// Runs it over everything once.
core::Result<void> run_iterator(const struct bpf_link* iterator);

}  // namespace tcpperf::adapters::bpf

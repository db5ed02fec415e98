// What the running kernel can do and how it names things, read from its BTF. Needs no privilege.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/probe/descriptor.h"

struct btf;

namespace tcpperf::adapters::bpf {

// The BPF programs are built twice, see docs/ARCHITECTURE.md.
enum class ObjectVariant {
  kRecent,  // with socket-local storage and atomic compare and exchange: Linux 5.12
  kOlder,   // without
};

// Immutable after open(); any thread.
class Kernel final : public core::KernelNames {
 public:
  // Error when the kernel has no BTF (/sys/kernel/btf/vmlinux), with what to do about it.
  static core::Result<std::unique_ptr<Kernel>> open();

  // Number of arguments of a BTF-enabled tracepoint, nullopt when this kernel has no such tracepoint.
  [[nodiscard]] std::optional<unsigned> tracepoint_arguments(std::string_view tracepoint) const;

  // Number of arguments of a function of the kernel, nullopt when its BTF has no such function.
  [[nodiscard]] std::optional<unsigned> function_arguments(std::string_view function) const;

  // Whether this kernel can run programs over what `name` stands for: "task_file", "bpf_sk_storage_map", ...
  [[nodiscard]] bool has_iterator(std::string_view name) const;

  // Which of the objects this kernel takes. Without a trial: the two functions came with what the recent one needs, the
  // first with socket-local storage in tracing programs (5.11), the second in the same release as the atomics (5.12).
  [[nodiscard]] ObjectVariant fitting_object() const;

  // How long a tick of the kernel's coarse clocks is, 1/CONFIG_HZ.
  [[nodiscard]] static std::chrono::nanoseconds jiffy();

  [[nodiscard]] std::vector<std::pair<std::string, std::uint32_t>> enumerators(std::string_view name) const override;
  [[nodiscard]] bool has_field(std::string_view type, std::string_view field) const override;

 private:
  struct BtfDeleter {
    void operator()(struct btf* types) const;
  };
  explicit Kernel(struct btf* types) : types_(types) {}

  std::unique_ptr<struct btf, BtfDeleter> types_;
};

}  // namespace tcpperf::adapters::bpf

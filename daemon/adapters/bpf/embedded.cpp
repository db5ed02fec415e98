#include <cstddef>
#include <span>

#include "adapters/bpf/session.h"

// Set by the assembler around the object's bytes (cmake/Bpf.cmake).
extern "C" {
extern const std::byte tcpperf_bpf_object_begin[];
extern const std::byte tcpperf_bpf_object_end[];
}

namespace tcpperf::adapters::bpf {

std::span<const std::byte> embedded_object() {
  return {tcpperf_bpf_object_begin, static_cast<std::size_t>(tcpperf_bpf_object_end - tcpperf_bpf_object_begin)};
}

}  // namespace tcpperf::adapters::bpf

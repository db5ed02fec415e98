#include <cstddef>
#include <span>

#include "adapters/bpf/session.h"

// Set by the assembler around each object's bytes (cmake/Bpf.cmake).
extern "C" {
extern const std::byte tcpperf_bpf_object_begin[];
extern const std::byte tcpperf_bpf_object_end[];
extern const std::byte tcpperf_bpf_object_older_begin[];
extern const std::byte tcpperf_bpf_object_older_end[];
}

namespace tcpperf::adapters::bpf {

std::span<const std::byte> embedded_object(ObjectVariant variant) {
  switch (variant) {
    case ObjectVariant::kRecent: return {tcpperf_bpf_object_begin, tcpperf_bpf_object_end};
    case ObjectVariant::kOlder: return {tcpperf_bpf_object_older_begin, tcpperf_bpf_object_older_end};
  }
  return {};
}

}  // namespace tcpperf::adapters::bpf

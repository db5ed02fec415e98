#include "adapters/bpf/mapped_array.h"

#include <cerrno>

#include <sys/mman.h>
#include <unistd.h>

namespace tcpperf::adapters::bpf {

core::Result<MappedArray> MappedArray::map(int map_fd, std::size_t bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t mapped = (bytes + page - 1) / page * page;
  void* address = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (address == MAP_FAILED) {
    return core::Error::from_errno("mmap BPF array", errno);
  }
  return MappedArray(address, mapped, bytes);
}

MappedArray::~MappedArray() {
  if (address_ != nullptr) {
    munmap(address_, mapped_bytes_);
  }
}

}  // namespace tcpperf::adapters::bpf

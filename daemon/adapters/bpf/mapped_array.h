// An mmapped BPF array: read and written by plain loads and stores, no system call.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "core/base/result.h"

namespace tcpperf::adapters::bpf {

// Owns the mapping, not the map's file descriptor. Move-only. BPF programs write to the memory at any time: load each
// word once.
class MappedArray {
 public:
  // `bytes`: size of the whole array as the kernel lays it out (elements rounded up to 8 bytes).
  static core::Result<MappedArray> map(int map_fd, std::size_t bytes);

  MappedArray(MappedArray&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), mapped_bytes_(other.mapped_bytes_), bytes_(other.bytes_) {}
  MappedArray& operator=(MappedArray&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(mapped_bytes_, other.mapped_bytes_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;
  ~MappedArray();

  // The array as elements of T. Valid as long as this object.
  template <typename T>
  [[nodiscard]] std::span<const T> as() const {
    return {static_cast<const T*>(address_), bytes_ / sizeof(T)};
  }
  // The same, to write to; what BPF programs write to as well, with atomic operations.
  template <typename T>
  [[nodiscard]] std::span<T> as_writable() const {
    return {static_cast<T*>(address_), bytes_ / sizeof(T)};
  }

 private:
  MappedArray(void* address, std::size_t mapped_bytes, std::size_t bytes)
      : address_(address), mapped_bytes_(mapped_bytes), bytes_(bytes) {}

  void* address_;
  std::size_t mapped_bytes_;
  std::size_t bytes_;
};

}  // namespace tcpperf::adapters::bpf

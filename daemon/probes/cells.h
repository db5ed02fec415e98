// Building blocks for the cells of descriptors.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/probe/descriptor.h"

namespace tcpperf::probes {

// Ends the help of what is counted per segment or per call alone.
#define SCALED_UP                                                                                                \
  " While tcpperf_sampling_ratio is below 1, scaled up from the connections that are looked at; while it is 0, " \
  "nothing is counted."

// The kernel's names of TCP states, by number; empty where there is none (0).
inline constexpr std::array<std::string_view, 13> kTcpStates = {
    "",      "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2",   "time_wait",
    "close", "close_wait",  "last_ack", "listen",   "closing",   "new_syn_recv"};

// One series without labels, at element 0.
inline std::vector<core::Cell> single_cell(const core::KernelNames& /*kernel*/) {
  return {{0, {}}};
}

// One series per name, at first, first + 1, ...
template <std::size_t N>
std::vector<core::Cell> named_cells(std::uint32_t first, const std::array<std::string_view, N>& names) {
  std::vector<core::Cell> cells;
  for (std::size_t i = 0; i < N; ++i) {
    cells.push_back({first + static_cast<std::uint32_t>(i), {std::string(names[i])}});
  }
  return cells;
}

// One series per enumerator of a kernel enum whose name starts with `prefix` and whose value is below `limit`, named
// without the prefix, at the element of its value.
std::vector<core::Cell> enumerator_cells(const core::KernelNames& kernel, std::string_view enum_name,
                                         std::string_view prefix, std::uint32_t limit);

}  // namespace tcpperf::probes

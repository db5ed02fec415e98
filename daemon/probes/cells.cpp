#include "probes/cells.h"

namespace tcpperf::probes {

std::vector<core::Cell> enumerator_cells(const core::KernelNames& kernel, std::string_view enum_name,
                                         std::string_view prefix, std::uint32_t limit) {
  std::vector<core::Cell> cells;
  for (const auto& [name, value] : kernel.enumerators(enum_name)) {
    if (!name.starts_with(prefix) || value >= limit) {
      continue;
    }
    std::string label = name.substr(prefix.size());
    if (label != "MAX") {
      cells.push_back({value, {std::move(label)}});
    }
  }
  return cells;
}

}  // namespace tcpperf::probes

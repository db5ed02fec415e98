#include "core/groups/dimension.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tcpperf::core {
namespace {

// By bit number.
constexpr std::array<std::string_view, TCPPERF_DIMENSIONS> kNames = {
    "local_ip", "remote_ip", "remote_prefix", "local_port", "remote_port", "service_port",       "process",
    "pid",      "cgroup",    "interface",     "netns",      "role",        "congestion_control", "family"};
static_assert(kNames[TCPPERF_BY_SERVICE_PORT] == "service_port" && kNames[TCPPERF_BY_CGROUP] == "cgroup" &&
              kNames[TCPPERF_BY_FAMILY] == "family");

}  // namespace

std::string_view to_string(Dimension dimension) {
  return kNames.at(static_cast<std::size_t>(dimension));
}

std::optional<Dimension> dimension_of(std::string_view name) {
  const auto* const found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    return std::nullopt;
  }
  return static_cast<Dimension>(found - kNames.begin());
}

std::vector<std::string_view> dimension_names() {
  return {kNames.begin(), kNames.end()};
}

Result<GroupBy> make_group_by(std::vector<Dimension> dimensions) {
  std::sort(dimensions.begin(), dimensions.end());
  const auto twice = std::adjacent_find(dimensions.begin(), dimensions.end());
  if (twice != dimensions.end()) {
    return Error{"'" + std::string(to_string(*twice)) + "' is given twice"};
  }
  const auto has = [&](Dimension d) { return std::binary_search(dimensions.begin(), dimensions.end(), d); };
  if (has(Dimension::kRemoteIp) && has(Dimension::kRemotePrefix)) {
    return Error{"'remote_ip' tells apart all that 'remote_prefix' does; leave one of them out"};
  }
  return dimensions;
}

std::string to_string(const GroupBy& by) {
  std::string text;
  for (const Dimension dimension : by) {
    text += (text.empty() ? "" : ",") + std::string(to_string(dimension));
  }
  return text;
}

std::uint16_t to_mask(const GroupBy& by) {
  static_assert(TCPPERF_DIMENSIONS <= 16);
  unsigned mask = 0;
  for (const Dimension dimension : by) {
    mask |= 1U << static_cast<unsigned>(dimension);
  }
  return static_cast<std::uint16_t>(mask);
}

}  // namespace tcpperf::core

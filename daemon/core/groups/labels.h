// From what is in a slot to label values. Pure: names that only the host knows come in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "abi/groups.h"
#include "core/groups/plan.h"

namespace tcpperf::core {

// Names that only the host knows.
class HostNames {
 public:
  virtual ~HostNames() = default;
  // The path of a cgroup below the cgroup2 root ("/system.slice/nginx.service"), nullopt when there is none any more.
  [[nodiscard]] virtual std::optional<std::string> cgroup_path(std::uint64_t id) const = 0;
};

inline constexpr std::string_view kUnknown = "unknown";
inline constexpr std::string_view kOther = "other";

// One value per dimension of `by`, in its order; "unknown" for what is not known. An IPv4-mapped address is written as
// IPv4, a remote_prefix as "10.1.2.0/24"; a cgroup by unit_of().
std::vector<std::string> group_label_values(const tcpperf_group_key& key, const GroupBy& by, PrefixLengths prefix,
                                            const HostNames& names);

// "other" for each dimension.
std::vector<std::string> other_label_values(const GroupBy& by);

// The innermost component of a cgroup's path that is a systemd service or scope ("nginx.service",
// "docker-<id>.scope"); the whole path when there is none.
std::string unit_of(std::string_view cgroup_path);

}  // namespace tcpperf::core

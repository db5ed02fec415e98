// The cgroup2 hierarchy: where it is mounted, and the paths of cgroups by their id.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/groups/labels.h"

namespace tcpperf::adapters {

// The first cgroup2 mount point in the text of /proc/self/mounts; empty when there is none.
std::string parse_cgroup2_root(std::string_view mounts);
// Of this process; empty when there is none or /proc cannot be read.
std::string find_cgroup2_root();

// The kernel numbers cgroups by the inode of their directory. A path that was found stays known as long as it is asked
// for, also when the cgroup is gone. One thread at a time.
class CgroupPaths final : public core::HostNames {
 public:
  // `root`: mount point; empty when there is none, no path is known then.
  explicit CgroupPaths(std::string root);

  // An id that is not known makes it look through the hierarchy, once until the next allow_search().
  [[nodiscard]] std::optional<std::string> cgroup_path(std::uint64_t id) const override;
  void allow_search() { searched_ = false; }

 private:
  struct Known {
    std::string path;
    bool asked = false;  // since the last search
  };
  void search() const;

  std::string root_;
  mutable bool searched_ = false;
  mutable std::unordered_map<std::uint64_t, Known> paths_;
};

}  // namespace tcpperf::adapters

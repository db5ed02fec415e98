// The cgroup2 hierarchy: the parser on known texts, the paths in a made-up tree.
#include "adapters/procfs/cgroups.h"

#include <filesystem>
#include <string>

#include <sys/stat.h>

#include "adapters/sinks/sink_support.h"
#include "catch.h"

using namespace tcpperf::adapters;
using tcpperf::sink_tests::TemporaryDirectory;

namespace {

std::uint64_t inode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_ino;
}

}  // namespace

TEST_CASE("the cgroup2 mount point is found among other mounts, blanks in it included", "[cgroups]") {
  CHECK(parse_cgroup2_root("tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"
                           "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n") == "/sys/fs/cgroup/unified");
  CHECK(parse_cgroup2_root("none /mnt/my\\040cgroups cgroup2 rw 0 0") == "/mnt/my cgroups");
  CHECK(parse_cgroup2_root("cgroup2 /a\\04 cgroup2 rw 0 0\n") == "/a\\04");
  CHECK(parse_cgroup2_root("cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n").empty());
  CHECK(parse_cgroup2_root("").empty());
  CHECK(parse_cgroup2_root("cgroup2").empty());
}

TEST_CASE("a cgroup is known by the inode of its directory", "[cgroups]") {
  const TemporaryDirectory root;
  std::filesystem::create_directories(root.file("system.slice/nginx.service"));
  const CgroupPaths paths(root.file(""));
  CHECK(paths.cgroup_path(inode_of(root.file(""))) == "/");
  CHECK(paths.cgroup_path(inode_of(root.file("system.slice/nginx.service"))) == "/system.slice/nginx.service");
  CHECK_FALSE(paths.cgroup_path(1).has_value());
}

TEST_CASE("a new cgroup is found when searching is allowed again, one that is gone stays known", "[cgroups]") {
  const TemporaryDirectory root;
  std::filesystem::create_directory(root.file("old"));
  CgroupPaths paths(root.file(""));
  const std::uint64_t old_id = inode_of(root.file("old"));
  CHECK(paths.cgroup_path(old_id) == "/old");

  std::filesystem::create_directory(root.file("new"));
  const std::uint64_t new_id = inode_of(root.file("new"));
  CHECK_FALSE(paths.cgroup_path(new_id).has_value());
  std::filesystem::remove(root.file("old"));
  paths.allow_search();
  CHECK(paths.cgroup_path(new_id) == "/new");
  CHECK(paths.cgroup_path(old_id) == "/old");
}

TEST_CASE("without a hierarchy no path is known", "[cgroups]") {
  CHECK_FALSE(CgroupPaths("").cgroup_path(1).has_value());
  CHECK_FALSE(CgroupPaths("/nonexistent").cgroup_path(1).has_value());
}

#include "cgroup_root.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

namespace tcpperf::test {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

}  // namespace

Socket open_cgroup_root() {
  std::string place = "/tmp/tcpperf-cgroup-XXXXXX";
  if (mkdtemp(place.data()) == nullptr) {
    fail("mkdtemp");
  }
  if (mount("none", place.c_str(), "cgroup2", 0, nullptr) != 0) {
    rmdir(place.c_str());
    fail("mount cgroup2");
  }
  Socket root(open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  umount2(place.c_str(), MNT_DETACH);
  rmdir(place.c_str());
  if (root.get() < 0) {
    fail("open cgroup2");
  }
  return root;
}

}  // namespace tcpperf::test

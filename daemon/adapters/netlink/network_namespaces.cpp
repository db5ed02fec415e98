#include "adapters/netlink/network_namespaces.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "adapters/netlink/sock_diag.h"

namespace tcpperf::adapters {

namespace {

constexpr const char* kOwnNamespace = "/proc/thread-self/ns/net";

class NamespaceFile {
 public:
  explicit NamespaceFile(const char* path) : fd_(::open(path, O_RDONLY | O_CLOEXEC)) {}
  ~NamespaceFile() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  NamespaceFile(const NamespaceFile&) = delete;
  NamespaceFile& operator=(const NamespaceFile&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

  // Also an `ip netns` entry whose mount is gone can be opened: it is an empty file then.
  [[nodiscard]] bool is_namespace() const {
    struct statfs filesystem {};
    return ::fstatfs(fd_, &filesystem) == 0 && filesystem.f_type == NSFS_MAGIC;
  }

 private:
  int fd_;
};

bool is_process(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Goes from namespace to namespace. Runs in a thread that nobody else uses, because it does not come back.
class Visitor {
 public:
  explicit Visitor(const NamespaceVisit& visit) : visit_(visit) {}

  core::Result<NamespaceVisits> run(const NamespaceSources& sources) {
    const auto own = visit_own();
    if (!own) {
      return own.error();
    }
    if (totals_.own_namespace_only) {
      return totals_;
    }
    const auto processes = visit_processes(sources.processes);
    if (!processes) {
      return processes.error();
    }
    visit_named(sources.named);
    return totals_;
  }

 private:
  using Identity = std::pair<dev_t, ino_t>;

  core::Result<void> visit_own() {
    if (core::Result<void> visited = visit_(); !visited) {
      return visited.error().within("the own network namespace");
    }
    ++totals_.namespaces_seen;
    const NamespaceFile own(kOwnNamespace);
    if (own.fd() < 0) {
      return core::Error::from_errno(std::string("open ") + kOwnNamespace, errno);
    }
    is_new(own.fd());
    // Entering the namespace one is in takes the same right as entering any other.
    totals_.own_namespace_only = ::setns(own.fd(), CLONE_NEWNET) != 0;
    return {};
  }

  core::Result<void> visit_processes(const std::string& folder) {
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      if (is_process(entry->path().filename().string())) {
        visit_process(entry->path().string() + "/ns/net");
      }
    }
    if (error) {
      return core::Error::from_errno("list " + folder, error.value());
    }
    return {};
  }

  void visit_process(const std::string& path) {
    // Most processes share a namespace: stat() is cheaper than opening it once more.
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
      count_unreadable(errno);
      return;
    }
    if (seen_.contains({status.st_dev, status.st_ino})) {
      return;
    }
    const NamespaceFile file(path.c_str());
    if (file.fd() < 0) {
      count_unreadable(errno);
      return;
    }
    visit(file);
  }

  // A process that has ended is not a loss.
  void count_unreadable(int err) { totals_.processes_unreadable += err == EACCES || err == EPERM ? 1 : 0; }

  void visit_named(const std::string& folder) {
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      const NamespaceFile file(entry->path().c_str());
      if (file.fd() >= 0 && file.is_namespace()) {
        visit(file);
      }
    }
  }

  void visit(const NamespaceFile& file) {
    if (!is_new(file.fd())) {
      return;
    }
    ++totals_.namespaces_seen;
    if (::setns(file.fd(), CLONE_NEWNET) != 0 || !visit_()) {
      ++totals_.namespaces_failed;
    }
  }

  // By the open file: a process id seen a moment ago may belong to another process by now.
  bool is_new(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 && seen_.insert({status.st_dev, status.st_ino}).second;
  }

  const NamespaceVisit& visit_;
  NamespaceVisits totals_;
  std::set<Identity> seen_;
};

}  // namespace

core::Result<NamespaceVisits> visit_all_namespaces(const NamespaceVisit& visit, const NamespaceSources& sources) {
  core::Result<NamespaceVisits> result = core::Error{"the thread that visits network namespaces did not run"};
  try {
    std::thread([&] {
      try {
        result = Visitor(visit).run(sources);
      } catch (const std::exception& error) {
        result = core::Error{std::string("visit network namespaces: ") + error.what()};
      }
    }).join();
  } catch (const std::system_error& error) {
    return core::Error{std::string("start a thread to visit network namespaces: ") + error.what()};
  }
  return result;
}

core::Result<NamespaceCounts> count_all_namespaces(const NamespaceSources& sources,
                                                   std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  NamespaceCounts totals;
  const auto count = [&]() -> core::Result<void> {
    const auto counts = count_tcp_states(
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()));
    if (!counts) {
      return counts.error().within("count the sockets");
    }
    for (std::size_t state = 0; state < counts->size(); ++state) {
      totals.sockets[state] += (*counts)[state];
    }
    return {};
  };
  const core::Result<NamespaceVisits> visits = visit_all_namespaces(count, sources);
  if (!visits) {
    return visits.error();
  }
  static_cast<NamespaceVisits&>(totals) = *visits;
  return totals;
}

}  // namespace tcpperf::adapters

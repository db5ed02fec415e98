#include "adapters/procfs/process_metrics.h"

#include <cerrno>
#include <memory>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/procfs/read_file.h"

namespace tcpperf::adapters {
namespace {

using core::Error;
using core::Result;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// The numbered entries, except the one that stands for the open directory itself.
Result<std::uint64_t> count_descriptors(const std::string& path) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  if (!directory) {
    return Error::from_errno("open " + path, errno);
  }
  const int fd = ::dirfd(directory.get());
  struct stat self {};
  if (::fstat(fd, &self) != 0) {
    return Error::from_errno("stat " + path, errno);
  }
  const std::string own_name = std::to_string(fd);
  std::uint64_t count = 0;
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
    const std::string_view name = entry->d_name;
    if (name.front() == '.') {
      continue;
    }
    struct stat target {};
    const bool is_self = name == own_name && ::fstatat(fd, entry->d_name, &target, 0) == 0 &&
                         target.st_dev == self.st_dev && target.st_ino == self.st_ino;
    count += is_self ? 0 : 1;
  }
  if (errno != 0) {
    return Error::from_errno("read " + path, errno);
  }
  return count;
}

std::optional<double> start_time(const std::string& root, double seconds_after_boot) {
  const Result<std::string> text = read_proc_file(root + "/stat");
  if (!text) {
    return std::nullopt;
  }
  const Result<std::uint64_t> boot = parse_boot_time(*text);
  return boot ? std::optional(static_cast<double>(*boot) + seconds_after_boot) : std::nullopt;
}

}  // namespace

Result<ProcessMetrics> read_process_metrics(const std::string& root) {
  const std::string self = root + "/self";
  const Result<std::string> stat_text = read_proc_file(self + "/stat");
  if (!stat_text) {
    return stat_text.error();
  }
  const KernelUnits units{::sysconf(_SC_CLK_TCK), ::sysconf(_SC_PAGESIZE)};
  const Result<ProcessStat> stat = parse_process_stat(*stat_text, units);
  if (!stat) {
    return stat.error().within(self + "/stat");
  }
  const Result<std::string> limits_text = read_proc_file(self + "/limits");
  if (!limits_text) {
    return limits_text.error();
  }
  const Result<std::optional<std::uint64_t>> max_fds = parse_max_open_files(*limits_text);
  if (!max_fds) {
    return max_fds.error().within(self + "/limits");
  }
  const Result<std::uint64_t> open_fds = count_descriptors(self + "/fd");
  if (!open_fds) {
    return open_fds.error();
  }
  ProcessMetrics metrics;
  metrics.cpu_seconds = stat->cpu_seconds;
  metrics.resident_bytes = stat->resident_bytes;
  metrics.virtual_bytes = stat->virtual_bytes;
  metrics.open_fds = *open_fds;
  metrics.max_fds = *max_fds;
  metrics.threads = stat->threads;
  metrics.start_time_unix_seconds = start_time(root, stat->start_seconds_after_boot);
  return metrics;
}

}  // namespace tcpperf::adapters

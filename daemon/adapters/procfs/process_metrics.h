// What the daemon itself costs, from /proc: the numbers behind the conventional process_* metrics.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace tcpperf::adapters {

struct ProcessMetrics {
  double cpu_seconds = 0;  // user and system time of all threads
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;            // without the one that counting them takes
  std::optional<std::uint64_t> max_fds;  // the soft limit; nullopt when there is none
  std::uint64_t threads = 0;
  // nullopt where /proc/stat, which holds the boot time, is hidden (systemd's ProcSubset=pid).
  std::optional<double> start_time_unix_seconds;
};

// Reads <root>/self and <root>/stat. The error names the file. Any thread.
core::Result<ProcessMetrics> read_process_metrics(const std::string& root = "/proc");

// The parsers behind it.

// The units of /proc/<pid>/stat.
struct KernelUnits {
  long ticks_per_second = 100;
  long page_bytes = 4096;
};

struct ProcessStat {
  double cpu_seconds = 0;
  std::uint64_t threads = 0;
  double start_seconds_after_boot = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_bytes = 0;
};

// /proc/<pid>/stat. The command's name may hold spaces and parentheses.
core::Result<ProcessStat> parse_process_stat(std::string_view text, KernelUnits units);
// The soft limit of "Max open files" in /proc/<pid>/limits; nullopt for "unlimited".
core::Result<std::optional<std::uint64_t>> parse_max_open_files(std::string_view text);
// "btime" of /proc/stat, in Unix seconds.
core::Result<std::uint64_t> parse_boot_time(std::string_view text);

}  // namespace tcpperf::adapters

#include "adapters/bpf/run_timing.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <utility>

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <unistd.h>

namespace tcpperf::adapters::bpf {
namespace {

constexpr int kCalibrationRuns = 256;

}  // namespace

bool kernel_times_all_programs() {
  std::ifstream setting("/proc/sys/kernel/bpf_stats_enabled");
  int value = 0;
  return setting >> value && value == 1;
}

core::Result<RunTiming> RunTiming::start() {
  if (kernel_times_all_programs()) {
    return RunTiming(-1);
  }
  const int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
  if (fd >= 0) {
    return RunTiming(fd);
  }
  core::Error error = core::Error::from_errno("have the kernel time BPF programs", errno);
  if (error.system_errno == EPERM) {
    error.message += "; give the daemon CAP_SYS_ADMIN, or set the sysctl kernel.bpf_stats_enabled to 1";
  }
  return error;
}

RunTiming::RunTiming(RunTiming&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

RunTiming& RunTiming::operator=(RunTiming&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

RunTiming::~RunTiming() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

bool RunTiming::is_always_on() const {
  return fd_ < 0 && kernel_times_all_programs();
}

bool RunTiming::holds() const {
  return fd_ >= 0 || kernel_times_all_programs();
}

core::Result<TimingCost> TimingCost::load() {
  std::array<bpf_insn, 2> nothing{};
  nothing[0].code = BPF_ALU64 | BPF_MOV | BPF_K;  // r0 = 0
  nothing[1].code = BPF_JMP | BPF_EXIT;
  const int program =
      bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "tcpperf_nothing", "GPL", nothing.data(), nothing.size(), nullptr);
  if (program < 0) {
    return core::Error::from_errno("load an empty BPF program", errno);
  }
  return TimingCost(program);
}

TimingCost::TimingCost(TimingCost&& other) noexcept : program_(std::exchange(other.program_, -1)) {}

TimingCost& TimingCost::operator=(TimingCost&& other) noexcept {
  std::swap(program_, other.program_);
  return *this;
}

TimingCost::~TimingCost() {
  if (program_ >= 0) {
    close(program_);
  }
}

core::Result<double> TimingCost::per_run() const {
  std::array<char, 64> packet{};
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(), .data_size_in = packet.size(),
              .repeat = kCalibrationRuns);
  struct bpf_prog_info before {};
  struct bpf_prog_info after {};
  __u32 bytes = sizeof(before);
  if (bpf_obj_get_info_by_fd(program_, &before, &bytes) != 0 || bpf_prog_test_run_opts(program_, &options) != 0 ||
      bpf_obj_get_info_by_fd(program_, &after, &bytes) != 0) {
    return core::Error::from_errno("time an empty BPF program", errno);
  }
  if (after.run_cnt == before.run_cnt) {
    return core::Error{"the kernel does not time BPF programs"};
  }
  return static_cast<double>(after.run_time_ns - before.run_time_ns) /
         static_cast<double>(after.run_cnt - before.run_cnt);
}

}  // namespace tcpperf::adapters::bpf

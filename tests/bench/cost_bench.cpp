// What the hot path costs: the probes attached beside an empty program on the same event, both timed by the kernel
// while iperf3 sends over loopback. The difference of the two is the probes' own time; the empty program's is what
// timing costs. Root. Other TCP traffic of the machine is measured too.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include "adapters/bpf/kernel.h"
#include "adapters/bpf/session.h"
#include "probes/registry.h"
#include "support/command.h"
#include "support/socket.h"

extern "C" {
extern const std::byte tcpperf_empty_program_begin[];
extern const std::byte tcpperf_empty_program_end[];
}

namespace {

namespace bpf = tcpperf::adapters::bpf;
namespace core = tcpperf::core;
namespace probes = tcpperf::probes;

constexpr std::uint64_t kShippedRttIntervalNs = 1'000'000;  // config/tcpperf.yaml

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

class EmptyProgram {
 public:
  EmptyProgram() {
    object_ = bpf_object__open_mem(tcpperf_empty_program_begin,
                                   static_cast<std::size_t>(tcpperf_empty_program_end - tcpperf_empty_program_begin),
                                   nullptr);
    if (object_ == nullptr || bpf_object__load(object_) != 0) {
      fail("load the empty program");
    }
    link_ = bpf_program__attach(bpf_object__find_program_by_name(object_, "empty"));
    if (link_ == nullptr) {
      fail("attach the empty program");
    }
  }
  ~EmptyProgram() {
    bpf_link__destroy(link_);
    bpf_object__close(object_);
  }
  EmptyProgram(const EmptyProgram&) = delete;
  EmptyProgram& operator=(const EmptyProgram&) = delete;

  [[nodiscard]] double ns_per_run() const {
    struct bpf_prog_info info {};
    __u32 bytes = sizeof(info);
    if (bpf_obj_get_info_by_fd(bpf_program__fd(bpf_object__find_program_by_name(object_, "empty")), &info, &bytes) !=
        0) {
      fail("read the empty program's time");
    }
    return info.run_cnt == 0 ? 0 : static_cast<double>(info.run_time_ns) / static_cast<double>(info.run_cnt);
  }

 private:
  struct bpf_object* object_ = nullptr;
  struct bpf_link* link_ = nullptr;
};

bpf::LoadRequest all_but(const bpf::Kernel& kernel, std::string_view left_out, bool grouped,
                         std::uint64_t rtt_interval_ns) {
  bpf::LoadRequest request;
  request.object = kernel.fitting_object();
  std::map<std::string, core::GroupRequest, std::less<>> groups;
  for (const core::ProbeDescriptor* probe : probes::probe_table()) {
    for (const core::KnobSpec& knob : probe->knobs) {
      request.constants[std::string(knob.symbol)] = knob.default_value;
    }
    if (probe->name != left_out) {
      request.probes.insert(std::string(probe->name));
      if (grouped) {
        groups[std::string(probe->name)] = {{core::Dimension::kServicePort, core::Dimension::kRole}, 64};
      }
    }
  }
  request.groups = *core::plan_groups(groups, {});
  request.constants["cfg_rtt_interval_ns"] = rtt_interval_ns;
  return request;
}

void measure(const char* name, const bpf::Kernel& kernel, const bpf::LoadRequest& request) {
  const tcpperf::test::Socket stats(bpf_enable_stats(BPF_STATS_RUN_TIME));
  if (stats.get() < 0) {
    fail("switch on the kernel's timing of BPF programs");
  }
  core::Result<std::unique_ptr<bpf::Session>> session =
      bpf::Session::load(probes::probe_table(), probes::hook_table(), kernel, request, nullptr);
  if (!session) {
    throw std::runtime_error(session.error().message);
  }
  const EmptyProgram empty;
  (*session)->attach();
  constexpr const char* kPort = "5987";
  std::thread server([] { tcpperf::test::run({"iperf3", "-s", "-1", "-p", kPort}); });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  tcpperf::test::run({"iperf3", "-c", "127.0.0.1", "-p", kPort, "-t", "5"});
  server.join();
  for (const bpf::ProgramStats& program : (*session)->program_stats()) {
    if (program.name == "on_ack" && program.runs != 0) {
      const double ns = static_cast<double>(program.run_time_ns) / static_cast<double>(program.runs);
      const double floor = empty.ns_per_run();
      std::printf(
          "%-22s %8.0f segments/s  on_ack %4.0f ns  empty program %4.0f ns  own %4.0f ns = %.2f %% of a CPU per "
          "100,000 segments/s\n",
          name, static_cast<double>(program.runs) / 5, ns, floor, ns - floor, (ns - floor) * 1e5 / 1e7);
    }
  }
}

}  // namespace

int main() {
  try {
    core::Result<std::unique_ptr<bpf::Kernel>> kernel = bpf::Kernel::open();
    if (!kernel) {
      throw std::runtime_error(kernel.error().message);
    }
    for (int round = 0; round < 3; ++round) {
      measure("all probes, as shipped", **kernel, all_but(**kernel, "", true, kShippedRttIntervalNs));
      measure("every RTT recorded", **kernel, all_but(**kernel, "", true, 0));
      measure("not grouped", **kernel, all_but(**kernel, "", false, kShippedRttIntervalNs));
      measure("all but rtt", **kernel, all_but(**kernel, "rtt", true, 0));
      measure("all but window", **kernel, all_but(**kernel, "window", true, kShippedRttIntervalNs));
      measure("all but time", **kernel, all_but(**kernel, "time", true, kShippedRttIntervalNs));
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cost_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}

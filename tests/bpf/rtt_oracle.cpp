#include "rtt_oracle.h"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cgroup_root.h"

extern "C" {
extern const std::byte tcpperf_rtt_oracle_begin[];
extern const std::byte tcpperf_rtt_oracle_end[];
}

namespace tcpperf::test {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("RTT oracle: " + what + ": " + std::strerror(errno));
}

}  // namespace

RttOracle::RttOracle() {
  object_ = bpf_object__open_mem(tcpperf_rtt_oracle_begin,
                                 static_cast<std::size_t>(tcpperf_rtt_oracle_end - tcpperf_rtt_oracle_begin), nullptr);
  if (object_ == nullptr || bpf_object__load(object_) != 0) {
    bpf_object__close(object_);
    fail("load");
  }
  const Socket cgroup = open_cgroup_root();
  link_ = bpf_program__attach_cgroup(bpf_object__find_program_by_name(object_, "rtt_oracle"), cgroup.get());
  if (link_ == nullptr) {
    bpf_object__close(object_);
    fail("attach");
  }
}

RttOracle::~RttOracle() {
  bpf_link__destroy(link_);
  bpf_object__close(object_);
}

RttTotals RttOracle::totals() const {
  const std::uint32_t zero = 0;
  RttTotals totals;
  if (bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(object_, "oracle_totals"), &zero, &totals) != 0) {
    fail("read");
  }
  return totals;
}

RttTotals RttOracle::wait_for(std::uint64_t samples) const {
  for (int tries = 0; tries < 1000; ++tries) {
    if (const RttTotals now = totals(); now.samples >= samples) {
      return now;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  throw std::runtime_error("RTT oracle: " + std::to_string(totals().samples) + " samples, waited for " +
                           std::to_string(samples));
}

}  // namespace tcpperf::test

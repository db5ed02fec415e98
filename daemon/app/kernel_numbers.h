// What is read from the kernel's own counters, and how ours compare with them.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "adapters/bpf/kernel.h"
#include "adapters/bpf/session.h"
#include "core/reconciliation/reconciliation.h"

namespace tcpperf::app {

// begin() and pause() may be called while another thread reads.
class KernelNumbers {
 public:
  explicit KernelNumbers(const adapters::bpf::Kernel& kernel);

  // The comparison begins when the session's programs are attached, and pauses before they are detached.
  void begin(const adapters::bpf::Session& session);
  void pause(const adapters::bpf::Session& session);

  // One reading: what numbers() shows until the next one. For one thread at a time.
  void read(const adapters::bpf::Session& session);
  [[nodiscard]] std::span<const std::optional<double>> numbers(std::string_view table) const;
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

 private:
  using Values = std::vector<std::optional<double>>;
  using Counters = std::vector<std::optional<std::uint64_t>>;
  [[nodiscard]] std::vector<core::CountPair> count_both(const adapters::bpf::Session& session,
                                                        const Counters& kernel) const;
  void set_compared(const adapters::bpf::Session& session, const Counters& kernel);

  const adapters::bpf::Kernel& kernel_;

  std::mutex mutex_;  // guards what follows, and keeps the two sides together
  core::Reconciliation reconciliation_;
  const adapters::bpf::Session* counting_ = nullptr;  // whose events count now; only compared

  // Only read() and who calls it touch these.
  std::uint64_t failures_ = 0;
  Values compared_events_;
  Values compared_ratios_;
  Values kernel_events_;
  Values kernel_times_;
  Values kernel_memory_;
};

}  // namespace tcpperf::app

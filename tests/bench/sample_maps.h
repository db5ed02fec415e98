// Maps as the kernel fills them, and the probe that they are of: what a reading is made of.
#pragma once

#include <cstdint>
#include <vector>

#include "abi/histogram.h"
#include "core/metrics/fold.h"

namespace tcpperf::bench {

inline constexpr std::uint32_t kSampleHistograms = 1000;

// The histograms of a probe `sample`: each with observations in 40 buckets, in kernel units. One thread.
class SampleMaps final : public core::MapReader {
 public:
  SampleMaps();

  [[nodiscard]] const core::ProbeDescriptor& probe() const { return probe_; }

  [[nodiscard]] std::span<const std::uint64_t> counters(std::string_view map) const override;
  [[nodiscard]] std::span<const tcpperf_histogram> histograms(std::string_view map) const override;
  [[nodiscard]] const std::optional<core::TcpStateCounts>& tcp_states() const override { return none_; }
  [[nodiscard]] std::uint64_t knob(std::string_view symbol) const override;

 private:
  core::ProbeDescriptor probe_;
  std::vector<tcpperf_histogram> histograms_;
  std::optional<core::TcpStateCounts> none_;
};

// No kernel is asked.
class NoKernel final : public core::KernelNames {
 public:
  [[nodiscard]] std::vector<std::pair<std::string, std::uint32_t>> enumerators(std::string_view name) const override;
  [[nodiscard]] bool has_field(std::string_view type, std::string_view field) const override;
};

}  // namespace tcpperf::bench

// From the contents of BPF maps to the families of a snapshot, following the descriptors. Pure: what is read comes in.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/metrics/snapshot.h"
#include "core/probe/descriptor.h"

struct tcpperf_histogram;

namespace tcpperf::core {

// Number of TCP sockets per kernel state number (TCP_ESTABLISHED = 1 ... TCP_NEW_SYN_RECV = 12).
using TcpStateCounts = std::array<std::uint64_t, 13>;

// Where the numbers come from. An array that does not exist is empty.
class MapReader {
 public:
  virtual ~MapReader() = default;
  [[nodiscard]] virtual std::span<const std::uint64_t> counters(std::string_view map) const = 0;
  [[nodiscard]] virtual std::span<const tcpperf_histogram> histograms(std::string_view map) const = 0;
  [[nodiscard]] virtual const std::optional<TcpStateCounts>& tcp_states() const = 0;
};

// Knows every series of every probe: element of which map, with which labels. Made once, because the names of some
// labels come from the kernel; keeps what is needed to extend the kernel's 64-bit sums. Used by one thread at a time.
class Folder {
 public:
  Folder(ProbeTable probes, const KernelNames& kernel);

  // Appends the families of one probe. A metric whose source is empty gets no family: unknown is not zero.
  void fold(const ProbeDescriptor& probe, const MapReader& reader, Snapshot& snapshot);

 private:
  struct PlannedSeries {
    std::uint32_t index = 0;
    LabelValues labels;
    SumExtender sum;
  };
  struct PlannedFamily {
    const MetricDef* metric = nullptr;
    std::vector<PlannedSeries> series;
  };
  static Family fold_family(PlannedFamily& planned, const MapReader& reader);

  std::map<std::string_view, std::vector<PlannedFamily>> probes_;
};

}  // namespace tcpperf::core

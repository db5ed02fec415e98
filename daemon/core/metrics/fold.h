// From the contents of BPF maps to the families of a snapshot, following the descriptors. Pure: what is read comes in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/groups/series.h"
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
  // How many elements of the map belong to one group: a group's begin at slot * this. Only asked for grouped probes;
  // 0: not known, and the metrics of the map are left out.
  [[nodiscard]] virtual std::uint32_t cells_per_group(std::string_view /*map*/) const { return 0; }
  [[nodiscard]] virtual const std::optional<TcpStateCounts>& tcp_states() const = 0;
  // Those of kNumbers, by the name of their table; what is not known has no value.
  [[nodiscard]] virtual std::span<const std::optional<double>> numbers(std::string_view /*table*/) const { return {}; }
  // The value of a knob, by its symbol, that the numbers were made with.
  [[nodiscard]] virtual std::uint64_t knob(std::string_view symbol) const = 0;
};

// Knows every series of every probe: element of which map, with which labels. Made once, because the names of some
// labels come from the kernel; keeps what is needed to extend the kernel's 64-bit sums. Used by one thread at a time.
class Folder {
 public:
  Folder(ProbeTable probes, const KernelNames& kernel);

  // Appends the families of one probe. A metric whose source is empty gets no family: unknown is not zero. Of `other`,
  // or of all when not grouped, every series is there, of the other groups those that are not zero and gauges. Series
  // whose labels are alike are added; they are, too, when a metric has a label of its own with the name of a group's
  // label, which then is left out. tcp_states and numbers are never grouped.
  void fold(const ProbeDescriptor& probe, const MapReader& reader, const GroupSet& groups, Snapshot& snapshot);
  void fold(const ProbeDescriptor& probe, const MapReader& reader, Snapshot& snapshot) {
    fold(probe, reader, not_grouped(), snapshot);
  }

  // To be called when a slot of the probe's grouping was given back, before the next fold: its cells were added to
  // those of slot 0 and set to zero. Precondition: slot != 0.
  void forget(const ProbeDescriptor& probe, std::uint32_t slot);

  // To be called when the probe's maps were replaced by empty ones, before the next fold.
  void restart(const ProbeDescriptor& probe);

 private:
  struct PlannedCell {
    Cell cell;
    std::vector<SumExtender> sums;  // by slot
  };
  struct PlannedGroup {
    std::vector<std::uint32_t> slots;
    std::vector<LabelValues> labels;  // by cell; null until a series is shown
  };
  struct PlannedFamily {
    const MetricDef* metric = nullptr;
    std::vector<PlannedCell> cells;
    bool grouped = false;
    std::vector<std::string_view> group_labels;
    std::map<std::vector<std::string>, PlannedGroup> groups;  // by values of group_labels
  };
  struct PlannedProbe {
    GroupSet groups;  // that the families are planned for; none before the first fold
    std::vector<PlannedFamily> families;
  };
  static void plan_groups_of(PlannedFamily& family, const GroupSet& groups);
  static Family fold_family(PlannedFamily& planned, const MapReader& reader);

  std::map<std::string_view, PlannedProbe> probes_;
};

}  // namespace tcpperf::core

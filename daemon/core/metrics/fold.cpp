#include "core/metrics/fold.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "abi/histogram.h"
#include "core/groups/dimension.h"

namespace tcpperf::core {
namespace {

// Of one unit of a metric, in what a counter counts.
double counted_units(Unit unit) {
  switch (unit) {
    case Unit::kSeconds: return 1e9;
    case Unit::kRatio: return std::ldexp(1.0, -kernel_exponent(unit));
    case Unit::kNone:
    case Unit::kBytes:
    case Unit::kSegments:
    case Unit::kPackets:
    case Unit::kConnections:
    case Unit::kTimestampSeconds:
    case Unit::kBytesPerSecond: break;
  }
  return 1;
}

bool is_zero(double value) {
  return value == 0;
}
bool is_zero(const Histogram& histogram) {
  return histogram.zero_count == 0 && histogram.buckets.empty();
}

void add(double& total, double value) {
  total += value;
}
void add(Histogram& total, Histogram&& value) {
  total = is_zero(total) ? std::move(value) : merge(total, value);
}
void keep_greatest(double& total, double value) {
  total = std::max(total, value);
}
void keep_greatest(Histogram& /*total*/, Histogram&& /*value*/) {}  // there is no greatest histogram

}  // namespace

Folder::Folder(ProbeTable probes, const KernelNames& kernel) {
  for (const ProbeDescriptor* probe : probes) {
    PlannedProbe& planned = probes_[probe->name];
    for (const MetricDef& metric : probe->metrics) {
      PlannedFamily family;
      family.metric = &metric;
      for (Cell& cell : metric.source.cells(kernel)) {
        family.cells.push_back({std::move(cell), {}});
      }
      if (!family.cells.empty()) {
        planned.families.push_back(std::move(family));
      }
    }
  }
}

// Label values that were made before are kept: they outlive most changes of the groups.
void Folder::plan_groups_of(PlannedFamily& family, const GroupSet& groups) {
  const MetricSpec& spec = family.metric->spec;
  std::vector<std::string_view> labels;
  std::vector<std::size_t> positions;  // of the labels among the values
  for (std::size_t i = 0; i < groups.by.size(); ++i) {
    const std::string_view label = to_string(groups.by[i]);
    if (std::find(spec.labels.begin(), spec.labels.end(), label) == spec.labels.end()) {
      labels.push_back(label);
      positions.push_back(i);
    }
  }
  std::map<std::vector<std::string>, PlannedGroup> planned;
  for (const GroupSeries& group : groups.series) {
    std::vector<std::string> values;
    values.reserve(positions.size());
    for (const std::size_t position : positions) {
      values.push_back(group.values[position]);
    }
    const auto [entry, added] = planned.try_emplace(std::move(values));
    std::vector<std::uint32_t>& slots = entry->second.slots;
    slots.insert(slots.end(), group.slots.begin(), group.slots.end());
    if (!added) {
      continue;
    }
    const auto known = family.groups.find(entry->first);
    if (known != family.groups.end()) {
      entry->second.labels = std::move(known->second.labels);
    } else {
      entry->second.labels.resize(family.cells.size());
    }
  }
  family.grouped = !groups.by.empty();
  family.group_labels = std::move(labels);
  family.groups = std::move(planned);
}

Family Folder::fold_family(PlannedFamily& planned, const MapReader& reader) {
  const MetricDef& metric = *planned.metric;
  Family family{&metric.spec, {}, planned.group_labels};

  // A state of 0 is one; a sum of 0 says that nothing has happened yet.
  const bool is_gauge = metric.spec.kind == MetricKind::kGauge;

  // `read(cell, slot, position)` gives what is at `position` of an array of `size` elements.
  const auto fold_array = [&](std::size_t size, std::size_t stride, auto read) {
    for (auto& [values, group] : planned.groups) {
      const bool show_zeros = std::find(group.slots.begin(), group.slots.end(), TCPPERF_OTHER) != group.slots.end();
      for (std::size_t i = 0; i < planned.cells.size(); ++i) {
        PlannedCell& planned_cell = planned.cells[i];
        const Cell& cell = planned_cell.cell;
        if (!cell.only_with.empty() && (reader.knob(cell.only_with) & cell.only_with_bits) == 0) {
          continue;
        }
        decltype(read(planned_cell, 0U, size)) total{};
        bool found = false;
        for (const std::uint32_t slot : group.slots) {
          const std::size_t position = slot * stride + cell.index;
          if (cell.index < stride && position < size) {
            if (metric.spec.greatest) {
              keep_greatest(total, read(planned_cell, slot, position));
            } else {
              add(total, read(planned_cell, slot, position));
            }
            found = true;
          }
        }
        if (!found || (!show_zeros && !is_gauge && is_zero(total))) {
          continue;
        }
        LabelValues& labels = group.labels[i];
        if (labels == nullptr) {
          std::vector<std::string> all = cell.labels;
          all.insert(all.end(), values.begin(), values.end());
          labels = std::make_shared<const std::vector<std::string>>(std::move(all));
        }
        family.series.push_back({labels, std::move(total)});
      }
    }
  };
  const auto stride_of = [&](std::size_t size) {
    return planned.grouped ? std::size_t{reader.cells_per_group(metric.source.map)} : size;
  };

  switch (metric.source.kind) {
    case SourceKind::kCounters:
    case SourceKind::kSampled: {
      const std::span<const std::uint64_t> counters = reader.counters(metric.source.map);
      const double units = counted_units(metric.spec.unit);
      fold_array(counters.size(), stride_of(counters.size()),
                 [&](const PlannedCell& /*cell*/, std::uint32_t /*slot*/, std::size_t position) {
                   return static_cast<double>(__atomic_load_n(&counters[position], __ATOMIC_RELAXED)) / units;
                 });
      break;
    }
    case SourceKind::kHistograms: {
      const std::span<const tcpperf_histogram> histograms = reader.histograms(metric.source.map);
      const int exponent = kernel_exponent(metric.spec.unit);
      fold_array(histograms.size(), stride_of(histograms.size()),
                 [&](PlannedCell& cell, std::uint32_t slot, std::size_t position) {
                   const tcpperf_histogram& raw = histograms[position];
                   const std::uint64_t sum = __atomic_load_n(&raw.sum, __ATOMIC_RELAXED);
                   cell.sums.resize(std::max<std::size_t>(cell.sums.size(), slot + 1));
                   return from_kernel(raw, exponent, cell.sums[slot].extend(sum));
                 });
      break;
    }
    case SourceKind::kTcpStates: {
      if (const std::optional<TcpStateCounts>& states = reader.tcp_states()) {
        fold_array(states->size(), states->size(),
                   [&](const PlannedCell& /*cell*/, std::uint32_t /*slot*/, std::size_t position) {
                     return static_cast<double>((*states)[position]);
                   });
      }
      break;
    }
    case SourceKind::kNumbers: {
      const std::span<const std::optional<double>> numbers = reader.numbers(metric.source.map);
      for (auto& [values, group] : planned.groups) {
        for (std::size_t i = 0; i < planned.cells.size(); ++i) {
          const Cell& cell = planned.cells[i].cell;
          if (cell.index >= numbers.size() || !numbers[cell.index]) {
            continue;
          }
          if (group.labels[i] == nullptr) {
            group.labels[i] = std::make_shared<const std::vector<std::string>>(cell.labels);
          }
          family.series.push_back({group.labels[i], *numbers[cell.index]});
        }
      }
      break;
    }
  }
  return family;
}

void Folder::fold(const ProbeDescriptor& probe, const MapReader& reader, const GroupSet& groups, Snapshot& snapshot) {
  const auto planned = probes_.find(probe.name);
  if (planned == probes_.end()) {
    return;
  }
  if (planned->second.groups != groups) {
    for (PlannedFamily& family : planned->second.families) {
      plan_groups_of(family, can_be_grouped(family.metric->source.kind) ? groups : not_grouped());
    }
    planned->second.groups = groups;
  }
  for (PlannedFamily& family : planned->second.families) {
    Family folded = fold_family(family, reader);
    if (!folded.series.empty()) {
      snapshot.families.push_back(std::move(folded));
    }
  }
}

void Folder::forget(const ProbeDescriptor& probe, std::uint32_t slot) {
  const auto planned = probes_.find(probe.name);
  if (planned == probes_.end()) {
    return;
  }
  for (PlannedFamily& family : planned->second.families) {
    for (PlannedCell& cell : family.cells) {
      if (slot < cell.sums.size()) {
        cell.sums[TCPPERF_OTHER].take_over(cell.sums[slot]);
      }
    }
  }
}

void Folder::restart(const ProbeDescriptor& probe) {
  const auto planned = probes_.find(probe.name);
  if (planned == probes_.end()) {
    return;
  }
  for (PlannedFamily& family : planned->second.families) {
    for (PlannedCell& cell : family.cells) {
      cell.sums.clear();
    }
  }
}

}  // namespace tcpperf::core

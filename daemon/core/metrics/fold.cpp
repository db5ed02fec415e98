#include "core/metrics/fold.h"

#include <memory>

#include "abi/histogram.h"

namespace tcpperf::core {

Folder::Folder(ProbeTable probes, const KernelNames& kernel) {
  for (const ProbeDescriptor* probe : probes) {
    std::vector<PlannedFamily>& families = probes_[probe->name];
    for (const MetricDef& metric : probe->metrics) {
      PlannedFamily family{&metric, {}};
      for (Cell& cell : metric.source.cells(kernel)) {
        family.series.push_back(
            {cell.index, std::make_shared<const std::vector<std::string>>(std::move(cell.labels)), {}});
      }
      families.push_back(std::move(family));
    }
  }
}

Family Folder::fold_family(PlannedFamily& planned, const MapReader& reader) {
  const MetricDef& metric = *planned.metric;
  Family family{&metric.spec, {}};
  family.series.reserve(planned.series.size());
  switch (metric.source.kind) {
    case SourceKind::kCounters:
    case SourceKind::kSampled: {
      const std::span<const std::uint64_t> counters = reader.counters(metric.source.map);
      for (const PlannedSeries& series : planned.series) {
        if (series.index < counters.size()) {
          const std::uint64_t value = __atomic_load_n(&counters[series.index], __ATOMIC_RELAXED);
          family.series.push_back({series.labels, static_cast<double>(value)});
        }
      }
      break;
    }
    case SourceKind::kHistograms: {
      const std::span<const tcpperf_histogram> histograms = reader.histograms(metric.source.map);
      const int exponent = kernel_exponent(metric.spec.unit);
      for (PlannedSeries& series : planned.series) {
        if (series.index < histograms.size()) {
          const tcpperf_histogram& raw = histograms[series.index];
          const std::uint64_t sum = __atomic_load_n(&raw.sum, __ATOMIC_RELAXED);
          family.series.push_back({series.labels, from_kernel(raw, exponent, series.sum.extend(sum))});
        }
      }
      break;
    }
    case SourceKind::kTcpStates: {
      if (const std::optional<TcpStateCounts>& states = reader.tcp_states()) {
        for (const PlannedSeries& series : planned.series) {
          family.series.push_back({series.labels, static_cast<double>((*states)[series.index])});
        }
      }
      break;
    }
  }
  return family;
}

void Folder::fold(const ProbeDescriptor& probe, const MapReader& reader, Snapshot& snapshot) {
  const auto planned = probes_.find(probe.name);
  if (planned == probes_.end()) {
    return;
  }
  for (PlannedFamily& family : planned->second) {
    Family folded = fold_family(family, reader);
    if (!folded.series.empty()) {
      snapshot.families.push_back(std::move(folded));
    }
  }
}

}  // namespace tcpperf::core

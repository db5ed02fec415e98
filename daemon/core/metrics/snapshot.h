// One immutable reading of everything: what a scrape serves and what the tick judges. Both are made by one collect().
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/histogram/histogram.h"
#include "core/metrics/metric.h"

namespace tcpperf::core {

// The values of a series' labels: those of MetricSpec::labels, then those of Family::group_labels. Shared, because they
// outlive snapshots and are the same in all of them.
using LabelValues = std::shared_ptr<const std::vector<std::string>>;

struct Series {
  LabelValues labels;  // never null
  std::variant<double, Histogram> value;
};

struct Family {
  const MetricSpec* spec = nullptr;  // never null; has static storage duration (a descriptor's)
  std::vector<Series> series;
  std::vector<std::string_view> group_labels{};  // names, static storage duration; empty when not grouped
};

struct Snapshot {
  std::chrono::nanoseconds monotonic{};  // CLOCK_MONOTONIC at the start of the reading
  std::vector<Family> families;          // one per metric name, in the order of the descriptors

  // nullptr when the metric is not part of this reading (probe off, source failed).
  [[nodiscard]] const Family* find(std::string_view name) const {
    for (const Family& family : families) {
      if (family.spec->name == name) {
        return &family;
      }
    }
    return nullptr;
  }
};

}  // namespace tcpperf::core

// Short forms of the kinds of signals, for descriptors.
#pragma once

#include <utility>

#include "core/probe/descriptor.h"

namespace tcpperf::probes {

inline core::SignalSpec quantile_signal(std::string_view name, std::string_view help, double q, core::SeriesSelector of,
                                        core::Unit unit = core::Unit::kSeconds) {
  return {.name = name,
          .help = help,
          .kind = core::SignalKind::kQuantile,
          .unit = unit,
          .q = q,
          .numerator = std::move(of)};
}

// `unit` is what is counted; the signal's value is that per second.
inline core::SignalSpec rate_signal(std::string_view name, std::string_view help, core::SeriesSelector of,
                                    core::Unit unit) {
  return {.name = name, .help = help, .kind = core::SignalKind::kRate, .unit = unit, .numerator = std::move(of)};
}

inline core::SignalSpec ratio_signal(std::string_view name, std::string_view help, core::SeriesSelector of,
                                     core::SeriesSelector all) {
  return {.name = name,
          .help = help,
          .kind = core::SignalKind::kRatio,
          .unit = core::Unit::kRatio,
          .numerator = std::move(of),
          .denominator = std::move(all)};
}

// `of` among `of` and `rest` together.
inline core::SignalSpec share_signal(std::string_view name, std::string_view help, core::SeriesSelector of,
                                     core::SeriesSelector rest) {
  return {.name = name,
          .help = help,
          .kind = core::SignalKind::kShare,
          .unit = core::Unit::kRatio,
          .numerator = std::move(of),
          .denominator = std::move(rest)};
}

// `unit` is that of the histogram; the signal's value is that per second.
inline core::SignalSpec sum_rate_signal(std::string_view name, std::string_view help, core::SeriesSelector of,
                                        core::Unit unit) {
  return {.name = name, .help = help, .kind = core::SignalKind::kSumRate, .unit = unit, .numerator = std::move(of)};
}

inline core::SignalSpec gauge_signal(std::string_view name, std::string_view help, core::SeriesSelector of,
                                     core::Unit unit) {
  return {.name = name, .help = help, .kind = core::SignalKind::kGauge, .unit = unit, .numerator = std::move(of)};
}

}  // namespace tcpperf::probes

// Signals: the named numbers an alert's condition is made of, computed from the difference of two snapshots.
// Pure functions; safe on any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "core/metrics/metric.h"
#include "core/metrics/snapshot.h"
#include "core/probe/descriptor.h"

namespace tcpperf::core {

enum class NoValue {
  kNoMetric,        // the metric is not in one of the readings: its probe is off or failed
  kNoHistory,       // there is no reading yet that is a whole window old
  kNoObservations,  // nothing happened that the number could be made of
};

struct SignalValue {
  std::optional<double> value;          // in the unit of the signal; a rate is per second of it
  std::uint64_t samples = 0;            // observations behind the value
  bool sampled = true;                  // false for a gauge, which stands on no observations
  Unit unit = Unit::kNone;              // of the value, for people; kNone for a rate
  NoValue reason = NoValue::kNoMetric;  // meaningful only without a value
};

// The signal over the time between the two readings. An increase is that of the total of all matching series, because
// a group that is given back loses its series and its past goes to `other`. When the total, or a bucket of it, went
// back, the source was reset, and the increase is all that `newer` has. A metric that `older` does not have at all
// gives no value: what it had counted by then is not known. A gauge needs `newer` only. Selectors see the labels of the
// metric's spec; those of groups do not exist for them.
//   quantile: of all matching series together. samples: the observations. None: no value.
//   rate:     increase per second of monotonic time. samples: the increase.
//   ratio:    increase by increase. samples: the increase of the denominator. None: no value.
//   share:    a ratio to the increase of both together, so 1 when only the numerator increased.
//   gauge:    the sum of the matching series in `newer`, or the greatest of them; 0 when none matches.
//   sum rate: increase of a histogram's sum per second. samples: the observations.
// Precondition: newer.monotonic > older.monotonic, or the signal is a gauge; otherwise there is no value.
SignalValue evaluate(const SignalSpec& spec, const Snapshot& newer, const Snapshot& older);

}  // namespace tcpperf::core

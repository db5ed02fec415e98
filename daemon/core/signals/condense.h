// What has to be remembered of a reading to make signals of it later.
#pragma once

#include <memory>
#include <span>

#include "core/metrics/snapshot.h"
#include "core/probe/descriptor.h"

namespace tcpperf::core {

// Only the metrics that these signals are made of, with the series of all groups as one: a signal's value is the same
// with the whole reading, and many readings of many groups take little memory. Never null.
std::shared_ptr<const Snapshot> condense(const Snapshot& reading, std::span<const SignalSpec* const> signals);

}  // namespace tcpperf::core

// What the daemon may have measured, for pages in every format.
#pragma once

#include <cstdint>

#include "core/metrics/snapshot.h"

namespace tcpperf::tests {

// The hard cases: every kind, no labels, awkward label values and help.
core::Snapshot sample_snapshot();

// Any numbers in any labels; the same for the same seed.
core::Snapshot random_snapshot(std::uint64_t seed);

}  // namespace tcpperf::tests

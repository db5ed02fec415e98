// Waiting for what another thread or the kernel is about to do.
#pragma once

#include <chrono>
#include <stdexcept>
#include <thread>

#include "support/traffic.h"

namespace tcpperf::test {

// Returns as soon as `reached()` is true; throws std::runtime_error after kPatience.
template <typename Reached>
void wait_until(const Reached& reached) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!reached()) {
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("what was waited for did not happen");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace tcpperf::test

// A token bucket. Internal to this adapter.
#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>

#include "core/web/security.h"

namespace tcpperf::adapters::http {

// Thread-safe. Time never goes back.
class RateLimiter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Whether one more request is within `limit`. A limit that differs from the last one begins with a full bucket.
  bool admits(const core::RateLimit& limit, Time now) {
    if (limit.interval.count() <= 0) {
      return true;
    }
    const std::lock_guard lock(mutex_);
    // So that it can be counted: a bucket of 30 years is never full.
    constexpr std::chrono::nanoseconds kLongest = std::chrono::hours(24 * 365 * 30);
    const auto full = limit.interval > kLongest / std::max(limit.burst, 1U) ? kLongest : limit.interval * limit.burst;
    if (limit != limit_) {
      limit_ = limit;
      empty_at_ = now - full;
    }
    // The bucket holds what has run in since empty_at_, and not more than fits.
    empty_at_ = std::max(empty_at_, now - full);
    if (now - empty_at_ < limit.interval) {
      return false;
    }
    empty_at_ += limit.interval;
    return true;
  }

 private:
  std::mutex mutex_;
  core::RateLimit limit_;
  Time empty_at_;
};

}  // namespace tcpperf::adapters::http

// What every sink counts, readable by any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "core/ports/alert_sink.h"

namespace tcpperf::adapters {

class DeliveryCounters {
 public:
  void delivered() { delivered_.fetch_add(1, std::memory_order_relaxed); }
  void failed(std::string why) {
    failed_.fetch_add(1, std::memory_order_relaxed);
    remember(std::move(why));
  }
  void dropped(std::string why) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    remember(std::move(why));
  }

  [[nodiscard]] core::DeliveryCounts counts() const {
    return {delivered_.load(std::memory_order_relaxed), failed_.load(std::memory_order_relaxed),
            dropped_.load(std::memory_order_relaxed)};
  }
  [[nodiscard]] std::string last_error() const {
    const std::lock_guard lock(mutex_);
    return last_error_;
  }

 private:
  void remember(std::string why) {
    const std::lock_guard lock(mutex_);
    last_error_ = std::move(why);
  }

  std::atomic<std::uint64_t> delivered_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> dropped_{0};
  mutable std::mutex mutex_;
  std::string last_error_;
};

}  // namespace tcpperf::adapters

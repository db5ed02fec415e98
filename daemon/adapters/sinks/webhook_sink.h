// Alerts to a web server, as JSON.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>

#include "adapters/sinks/delivery_counters.h"
#include "adapters/sinks/http_post.h"
#include "core/base/result.h"
#include "core/ports/alert_sink.h"

namespace tcpperf::adapters {

struct WebhookOptions {
  std::string url;                                // http or https
  std::chrono::milliseconds timeout{5000};        // of one attempt
  std::uint32_t attempts = 5;                     // per event, at least 1
  std::size_t queue = 256;                        // events waiting at most, at least 1
  std::chrono::milliseconds first_backoff{500};   // before the second attempt; doubled before each further one
  std::chrono::milliseconds last_backoff{30000};  // upper bound of it
};

// Posts one event after the other, in order, on a thread of its own. Connection errors, timeouts, 429 and 5xx are tried
// again after a pause (half of it random; a server's Retry-After is respected up to a minute); any other answer is
// final. When the queue is full the oldest waiting event is dropped: the newest say how things are now.
//
// close() and the destructor take at most a second: they try every waiting event once while there is time, and count
// the rest as dropped.
class WebhookSink final : public core::AlertSink {
 public:
  // `host`: the host name for the records.
  static core::Result<std::unique_ptr<WebhookSink>> create(WebhookOptions options, std::string host);
  ~WebhookSink() override;
  WebhookSink(const WebhookSink&) = delete;
  WebhookSink& operator=(const WebhookSink&) = delete;

  [[nodiscard]] std::string_view name() const override { return "webhook"; }
  void deliver(const core::AlertEvent& event) override;
  void close() override;
  [[nodiscard]] core::DeliveryCounts counts() const override { return counters_.counts(); }
  [[nodiscard]] std::string last_error() const override { return counters_.last_error(); }

 private:
  WebhookSink(WebhookOptions options, std::string host, std::unique_ptr<HttpPost> http);
  void start();  // throws std::system_error
  void run();
  void send(const std::string& json);
  bool pause(std::chrono::milliseconds duration);  // false: stopping
  std::chrono::milliseconds backoff(std::uint32_t attempt, std::chrono::seconds retry_after);

  WebhookOptions options_;
  std::string host_;
  std::unique_ptr<HttpPost> http_;
  std::mt19937 random_;  // of the thread
  DeliveryCounters counters_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::string> queue_;                      // guarded by mutex_
  bool stopping_ = false;                              // guarded by mutex_
  std::chrono::steady_clock::time_point drain_end_{};  // guarded by mutex_; set with stopping_
  std::thread thread_;
};

}  // namespace tcpperf::adapters

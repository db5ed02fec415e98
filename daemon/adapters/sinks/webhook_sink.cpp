#include "adapters/sinks/webhook_sink.h"

#include <algorithm>
#include <csignal>
#include <system_error>
#include <utility>

#include <pthread.h>

#include "adapters/sinks/alert_json.h"

namespace tcpperf::adapters {

using core::Error;
using core::Result;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds kDrain{400};
constexpr std::chrono::seconds kLongestRetryAfter{60};

}  // namespace

Result<std::unique_ptr<WebhookSink>> WebhookSink::create(WebhookOptions options, std::string host) {
  options.attempts = std::max<std::uint32_t>(options.attempts, 1);
  options.queue = std::max<std::size_t>(options.queue, 1);
  options.timeout = std::max(options.timeout, std::chrono::milliseconds(1));  // 0 would be no limit at all
  Result<std::unique_ptr<HttpPost>> http = HttpPost::create(options.url, options.timeout);
  if (!http) {
    return http.error();
  }
  try {
    std::unique_ptr<WebhookSink> sink(new WebhookSink(std::move(options), std::move(host), std::move(*http)));
    sink->start();
    return sink;
  } catch (const std::system_error& error) {
    return Error{std::string("start the webhook's thread: ") + error.what(), error.code().value()};
  }
}

WebhookSink::WebhookSink(WebhookOptions options, std::string host, std::unique_ptr<HttpPost> http)
    : options_(std::move(options)), host_(std::move(host)), http_(std::move(http)), random_(std::random_device{}()) {}

void WebhookSink::start() {
  // The thread inherits the mask: signals are the main thread's business, and SIGPIPE from a TLS write is nobody's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

WebhookSink::~WebhookSink() {
  WebhookSink::close();
}

void WebhookSink::close() {
  if (!thread_.joinable()) {
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    drain_end_ = Clock::now() + kDrain;
    http_->interrupt(drain_end_);
  }
  wake_.notify_all();
  thread_.join();
}

void WebhookSink::deliver(const core::AlertEvent& event) {
  std::string json = to_json(event, host_);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      counters_.dropped("the webhook is closed");
      return;
    }
    if (queue_.size() >= options_.queue) {
      queue_.pop_front();
      counters_.dropped("the queue was full (" + std::to_string(options_.queue) + " events)");
    }
    queue_.push_back(std::move(json));
  }
  wake_.notify_all();
}

void WebhookSink::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (stopping_ && Clock::now() >= drain_end_) {
      for (std::size_t i = 0; i < queue_.size(); ++i) {
        counters_.dropped("the daemon ended first");
      }
      queue_.clear();
    }
    if (queue_.empty()) {
      return;
    }
    const std::string json = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    send(json);
    lock.lock();
  }
}

void WebhookSink::send(const std::string& json) {
  bool stopping = false;
  for (std::uint32_t attempt = 1;; ++attempt) {
    PostResult result = http_->post(json);
    switch (result.outcome) {
      case PostResult::Outcome::kDelivered: counters_.delivered(); return;
      case PostResult::Outcome::kRefused: counters_.failed(std::move(result.why)); return;
      case PostResult::Outcome::kInterrupted: counters_.dropped(std::move(result.why)); return;
      case PostResult::Outcome::kTemporary: break;
    }
    if (attempt >= options_.attempts) {
      counters_.failed(std::move(result.why));
      return;
    }
    if (stopping) {
      counters_.dropped(std::move(result.why));
      return;
    }
    stopping = !pause(backoff(attempt, result.retry_after));
  }
}

bool WebhookSink::pause(std::chrono::milliseconds duration) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, duration, [&] { return stopping_; });
}

std::chrono::milliseconds WebhookSink::backoff(std::uint32_t attempt, std::chrono::seconds retry_after) {
  std::chrono::milliseconds longest = std::min(options_.first_backoff, options_.last_backoff);
  for (std::uint32_t i = 1; i < attempt && longest < options_.last_backoff; ++i) {
    longest = std::min(longest * 2, options_.last_backoff);
  }
  // Half of it random, so that many hosts that lost the same server do not come back at the same moment.
  std::uniform_int_distribution<std::chrono::milliseconds::rep> pick(longest.count() / 2, longest.count());
  return std::max<std::chrono::milliseconds>(std::chrono::milliseconds(pick(random_)),
                                             std::min(retry_after, kLongestRetryAfter));
}

}  // namespace tcpperf::adapters

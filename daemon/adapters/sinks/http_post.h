// One HTTP POST at a time, with a bounded duration, over libcurl.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "core/base/result.h"

namespace tcpperf::adapters {

struct PostResult {
  enum class Outcome {
    kDelivered,    // 2xx
    kTemporary,    // no connection, no answer in time, 429 or 5xx: worth another attempt
    kRefused,      // any other answer
    kInterrupted,  // see interrupt()
  };
  Outcome outcome = Outcome::kTemporary;
  std::string why;                      // not for kDelivered; never the URL, which may hold a secret
  std::chrono::seconds retry_after{0};  // what the server asked for; 0 when it did not
};

// http and https only. Redirects are not followed: an alert goes where the operator sends it, and a redirected POST
// often arrives as a GET. Proxies are taken from the environment, as curl does. Connections are kept open.
class HttpPost {
 public:
  // `timeout`: of one post(), from the name resolution to the last byte of the answer.
  static core::Result<std::unique_ptr<HttpPost>> create(const std::string& url, std::chrono::milliseconds timeout);
  ~HttpPost();
  HttpPost(const HttpPost&) = delete;
  HttpPost& operator=(const HttpPost&) = delete;

  // Blocks. One thread.
  PostResult post(const std::string& json);

  // Every post() from now on, and the one in progress, returns at `deadline` at the latest. Any thread.
  void interrupt(std::chrono::steady_clock::time_point deadline);

 private:
  struct Handles;
  explicit HttpPost(std::unique_ptr<Handles> handles);
  bool run_until_done();  // false: interrupted

  std::unique_ptr<Handles> handles_;
  std::atomic<std::chrono::steady_clock::time_point> deadline_;
};

}  // namespace tcpperf::adapters

#include "adapters/sinks/http_post.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <curl/curl.h>

namespace tcpperf::adapters {
namespace {

using core::Error;
using core::Result;
using Clock = std::chrono::steady_clock;

template <auto Function>
struct Cleanup {
  template <typename T>
  void operator()(T* handle) const {
    Function(handle);
  }
};
using Easy = std::unique_ptr<CURL, Cleanup<curl_easy_cleanup>>;
using Multi = std::unique_ptr<CURLM, Cleanup<curl_multi_cleanup>>;
using Headers = std::unique_ptr<curl_slist, Cleanup<curl_slist_free_all>>;
using Url = std::unique_ptr<CURLU, Cleanup<curl_url_cleanup>>;
using CurlText = std::unique_ptr<char, Cleanup<curl_free>>;

// Once per process, by whoever comes first; not undone, because others may use the library as well.
CURLcode initialise_library() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  return result;
}

std::size_t discard(char* /*data*/, std::size_t size, std::size_t count, void* /*user*/) {
  return size * count;
}

Result<void> check_url(const std::string& url) {
  const Url parsed(curl_url());
  const CURLUcode code = parsed ? curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) : CURLUE_OUT_OF_MEMORY;
  if (code != CURLUE_OK) {
    return Error{std::string("the webhook's URL is not valid: ") + curl_url_strerror(code) +
                 "; write it as https://host/path"};
  }
  char* raw = nullptr;
  const CURLUcode got = curl_url_get(parsed.get(), CURLUPART_SCHEME, &raw, 0);
  const CurlText scheme(raw);
  if (got != CURLUE_OK || (std::string_view(raw) != "http" && std::string_view(raw) != "https")) {
    return Error{"the webhook's URL must begin with http:// or https://"};
  }
  return {};
}

}  // namespace

struct HttpPost::Handles {
  // Destroyed in reverse: the multi handle before the easy handle that it may still hold, the headers last.
  Headers headers;
  Easy easy;
  Multi multi;
  std::array<char, CURL_ERROR_SIZE> error{};
};

HttpPost::HttpPost(std::unique_ptr<Handles> handles)
    : handles_(std::move(handles)), deadline_(Clock::time_point::max()) {}

HttpPost::~HttpPost() = default;

Result<std::unique_ptr<HttpPost>> HttpPost::create(const std::string& url, std::chrono::milliseconds timeout) {
  const CURLcode initialised = initialise_library();
  if (initialised != CURLE_OK) {
    return Error{std::string("libcurl: ") + curl_easy_strerror(initialised)};
  }
  const Result<void> checked = check_url(url);
  if (!checked) {
    return checked.error();
  }
  auto handles = std::make_unique<Handles>();
  handles->easy.reset(curl_easy_init());
  handles->multi.reset(curl_multi_init());
  for (const char* header : {"Content-Type: application/json", "Expect:"}) {
    curl_slist* const longer = curl_slist_append(handles->headers.get(), header);
    if (longer == nullptr) {
      return Error{"libcurl: out of memory"};
    }
    static_cast<void>(handles->headers.release());
    handles->headers.reset(longer);
  }
  if (!handles->easy || !handles->multi) {
    return Error{"libcurl: out of memory"};
  }

  CURL* const easy = handles->easy.get();
  CURLcode result = CURLE_OK;
  const auto set = [&](CURLoption option, auto value) {
    const CURLcode code = curl_easy_setopt(easy, option, value);
    result = result == CURLE_OK ? code : result;
  };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(timeout.count()));
  // A resolver that hangs must not keep the daemon from ending.
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_USERAGENT, "tcpperf");
  set(CURLOPT_HTTPHEADER, handles->headers.get());
  set(CURLOPT_WRITEFUNCTION, &discard);
  set(CURLOPT_ERRORBUFFER, handles->error.data());
  set(CURLOPT_POST, 1L);
  if (result != CURLE_OK) {
    return Error{std::string("libcurl: ") + curl_easy_strerror(result)};
  }
  return std::unique_ptr<HttpPost>(new HttpPost(std::move(handles)));
}

void HttpPost::interrupt(Clock::time_point deadline) {
  deadline_.store(deadline);
  curl_multi_wakeup(handles_->multi.get());
}

bool HttpPost::run_until_done() {
  CURLM* const multi = handles_->multi.get();
  int running = 0;
  while (curl_multi_perform(multi, &running) == CURLM_OK && running != 0) {
    constexpr std::chrono::milliseconds kLongestWait{1000};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_.load() - Clock::now());
    if (left.count() <= 0) {
      return false;
    }
    curl_multi_poll(multi, nullptr, 0, static_cast<int>(std::min(left, kLongestWait).count()), nullptr);
  }
  return true;
}

PostResult HttpPost::post(const std::string& json) {
  CURL* const easy = handles_->easy.get();
  CURLM* const multi = handles_->multi.get();
  PostResult result;
  handles_->error.front() = '\0';
  if (curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(json.size())) != CURLE_OK ||
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, json.c_str()) != CURLE_OK ||
      curl_multi_add_handle(multi, easy) != CURLM_OK) {
    result.why = "libcurl refused the request";
    return result;
  }
  const bool finished = run_until_done();
  CURLcode code = CURLE_FAILED_INIT;
  int queued = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &queued)) {
    if (message->msg == CURLMSG_DONE) {
      code = message->data.result;
    }
  }
  long status = 0;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
  curl_multi_remove_handle(multi, easy);

  if (!finished) {
    result.outcome = PostResult::Outcome::kInterrupted;
    result.why = "no answer before the end of the daemon";
    return result;
  }
  if (code != CURLE_OK) {
    result.why = handles_->error.front() != '\0' ? handles_->error.data() : curl_easy_strerror(code);
    return result;
  }
  if (status >= 200 && status < 300) {
    result.outcome = PostResult::Outcome::kDelivered;
    return result;
  }
  result.why = "HTTP " + std::to_string(status);
  if (status == 429 || status >= 500) {
    result.retry_after = std::chrono::seconds(retry_after);
    return result;
  }
  if (status >= 300 && status < 400) {
    result.why += ": redirects are not followed; configure the final URL";
  }
  result.outcome = PostResult::Outcome::kRefused;
  return result;
}

}  // namespace tcpperf::adapters

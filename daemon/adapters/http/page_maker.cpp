#include "adapters/http/page_maker.h"

#include <exception>
#include <utility>

#include <pthread.h>

#include "adapters/http/gzip.h"
#include "core/net/accept_list.h"

namespace tcpperf::adapters::http {
namespace {

Request request_of(const PageMaker::Asked& asked) {
  return {asked.method, asked.path, asked.query, [&asked](std::string_view name) {
            return core::equal_ignoring_case(name, "Accept")            ? asked.accept
                   : core::equal_ignoring_case(name, "Accept-Encoding") ? asked.accept_encoding
                                                                        : std::string();
          }};
}

// Of requests that get the same response. What a route does not look at does not tell them apart, or an attacker could
// ask for as many pages as there are requests.
std::string key_of(const PageMaker::Asked& asked, const Routes& routes) {
  const auto route = routes.find(asked.path);
  const std::string encoding = accepts_gzip(asked.accept_encoding) ? "gzip" : "";
  const bool read = asked.method == "GET" || asked.method == "HEAD";
  if (route == routes.end()) {
    return "unknown " + encoding;
  }
  if (!read) {
    return "method " + encoding;
  }
  return "page " + asked.path + " " + encoding + " " +
         (route->second.variant ? route->second.variant(request_of(asked)) : "");
}

}  // namespace

PageMaker::PageMaker(const Routes& routes, Done done)
    : routes_(routes), done_(std::move(done)), thread_([this] { run(); }) {}

void PageMaker::stop() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  asked_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool PageMaker::ask(void* who, Asked request) {
  std::string key = key_of(request, routes_);
  {
    const std::lock_guard lock(mutex_);
    if (ending_) {
      return false;
    }
    Group& group = groups_[std::move(key)];
    group.who.push_back(who);
    group.request = std::move(request);
  }
  asked_.notify_one();
  return true;
}

Response PageMaker::answer(const Asked& request) const {
  try {
    return handle(request_of(request), routes_);
  } catch (const std::exception&) {
    Response response;
    response.status = 500;
    return response;
  }
}

void PageMaker::run() {
  pthread_setname_np(pthread_self(), "tcpperf-pages");
  while (true) {
    Groups now;
    {
      std::unique_lock lock(mutex_);
      asked_.wait(lock, [this] { return ending_ || !groups_.empty(); });
      if (groups_.empty()) {
        return;
      }
      now.swap(groups_);
    }
    for (const auto& [key, group] : now) {
      done_(group.who, answer(group.request));
    }
  }
}

}  // namespace tcpperf::adapters::http

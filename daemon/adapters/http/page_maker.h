// Makes responses in a thread of its own. Internal to this adapter.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "adapters/http/handle.h"
#include "adapters/http/message.h"

namespace tcpperf::adapters::http {

// So that a page which takes long keeps nobody from being heard, and many who ask at once get one page: all requests
// that are there when the thread begins are answered together, those with the same key by one response. A response is
// therefore never older than its request.
class PageMaker {
 public:
  // A request that outlives its connection's reading. Only the headers that handlers look at are kept.
  struct Asked {
    std::string method;
    std::string path;
    std::string query;
    std::string accept;
    std::string accept_encoding;
  };
  // Called by the thread, with one response for all who share it; must not throw.
  using Done = std::function<void(const std::vector<void*>& who, const Response& response)>;

  PageMaker(const Routes& routes, Done done);
  ~PageMaker() { stop(); }
  PageMaker(const PageMaker&) = delete;
  PageMaker& operator=(const PageMaker&) = delete;

  // False after stop(): `who` is not answered then. Otherwise `who` is in a later Done, perhaps during stop().
  bool ask(void* who, Asked request);
  void stop();

 private:
  struct Group {
    Asked request;
    std::vector<void*> who;
  };
  using Groups = std::map<std::string, Group>;

  void run();
  [[nodiscard]] Response answer(const Asked& request) const;

  const Routes& routes_;
  const Done done_;
  std::mutex mutex_;
  std::condition_variable asked_;
  Groups groups_;  // by what makes responses equal
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace tcpperf::adapters::http

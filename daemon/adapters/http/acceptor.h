// Takes connections off the listening sockets. Internal to this adapter.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <sys/socket.h>

#include "adapters/http/unique_fd.h"
#include "core/base/result.h"

namespace tcpperf::adapters::http {

// A thread of its own, because libmicrohttpd takes one connection a round of its loop: who opens connections faster
// than that would keep all others waiting in the backlog behind those that are going to be refused.
class Acceptor {
 public:
  // `take` owns the socket, non-blocking and closed on exec; it is called by the thread, must not throw, and is not
  // called any more when the destructor has returned.
  using Take = std::function<void(UniqueFd socket, const sockaddr* address, socklen_t length)>;

  // accept() has failed for want of something, and will be tried again in a moment. Called as `take`.
  using Failed = std::function<void(int system_errno)>;

  static core::Result<std::unique_ptr<Acceptor>> start(std::vector<UniqueFd> listeners, Take take, Failed failed);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  Acceptor(std::vector<UniqueFd> listeners, Take take, Failed failed, UniqueFd stop);
  void run();
  void accept_from(int listener);

  const std::vector<UniqueFd> listeners_;
  const Take take_;
  const Failed failed_;
  const UniqueFd stop_;  // an eventfd: readable when it is time to end
  std::thread thread_;
};

}  // namespace tcpperf::adapters::http

// A tiny web server for tests: answers each request with the next line of a script.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tcpperf::sink_tests {

struct HttpRequest {
  std::string head;  // request line and headers
  std::string body;
};

// Listens on 127.0.0.1, one connection after the other, one request per connection.
class HttpStub {
 public:
  // The answers, in order; the last one is repeated. "503", or "301\r\nLocation: /x" with headers, or kHang: no answer
  // until the stub is released or destroyed, then 200.
  static constexpr const char* kHang = "hang";
  explicit HttpStub(std::vector<std::string> answers);
  ~HttpStub();
  HttpStub(const HttpStub&) = delete;
  HttpStub& operator=(const HttpStub&) = delete;

  [[nodiscard]] std::string url(const std::string& path = "/hook") const;
  // The requests so far, after waiting (10 s at most) until there are `count`.
  std::vector<HttpRequest> wait_for_requests(std::size_t count);
  // Ends every hanging, now and later.
  void release();

 private:
  void run();
  void serve(int connection);
  std::string next_answer();

  int listener_ = -1;
  std::uint16_t port_ = 0;
  int stop_pipe_[2] = {-1, -1};  // readable: end
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> answers_;
  std::vector<HttpRequest> requests_;
  bool released_ = false;
  std::thread thread_;
};

inline HttpStub::HttpStub(std::vector<std::string> answers) : answers_(answers.begin(), answers.end()) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (listener_ < 0 || ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 16) != 0 || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::pipe(stop_pipe_) != 0) {
    throw std::runtime_error("the HTTP stub cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

inline HttpStub::~HttpStub() {
  release();
  ::close(stop_pipe_[1]);
  thread_.join();
  ::close(stop_pipe_[0]);
  ::close(listener_);
}

inline std::string HttpStub::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

inline std::vector<HttpRequest> HttpStub::wait_for_requests(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(10), [&] { return requests_.size() >= count; });
  return requests_;
}

inline void HttpStub::release() {
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

inline void HttpStub::run() {
  while (true) {
    pollfd waiting[2] = {{listener_, POLLIN, 0}, {stop_pipe_[0], POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 || waiting[1].revents != 0) {
      return;
    }
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection >= 0) {
      serve(connection);
      ::close(connection);
    }
  }
}

inline void HttpStub::serve(int connection) {
  std::string data;
  std::size_t head_end = std::string::npos;
  std::size_t body_size = 0;
  while (head_end == std::string::npos || data.size() < head_end + 4 + body_size) {
    pollfd waiting[2] = {{connection, POLLIN, 0}, {stop_pipe_[0], POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 || waiting[1].revents != 0) {
      return;
    }
    char buffer[4096];
    const ssize_t size = ::recv(connection, buffer, sizeof(buffer), 0);
    if (size <= 0) {
      return;
    }
    data.append(buffer, static_cast<std::size_t>(size));
    head_end = data.find("\r\n\r\n");
    const std::size_t length = data.find("Content-Length: ");
    if (head_end != std::string::npos && length < head_end) {
      body_size = std::strtoul(data.c_str() + length + 16, nullptr, 10);
    }
  }
  const std::string answer = next_answer();
  {
    std::unique_lock lock(mutex_);
    requests_.push_back({data.substr(0, head_end), data.substr(head_end + 4)});
    changed_.notify_all();
    if (answer == kHang) {
      changed_.wait(lock, [&] { return released_; });
    }
  }
  const std::string reply =
      "HTTP/1.1 " + (answer == kHang ? "200" : answer) + "\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
  const ssize_t sent = ::send(connection, reply.data(), reply.size(), MSG_NOSIGNAL);
  static_cast<void>(sent);
}

inline std::string HttpStub::next_answer() {
  const std::lock_guard lock(mutex_);
  std::string answer = answers_.front();
  if (answers_.size() > 1) {
    answers_.pop_front();
  }
  return answer;
}

}  // namespace tcpperf::sink_tests

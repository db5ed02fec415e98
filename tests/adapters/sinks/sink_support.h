// What the tests of the sinks share: events, a temporary directory, a datagram socket that stands in for a daemon's.
#pragma once

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/rules/rule.h"

namespace tcpperf::sink_tests {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "tcpperf-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("mkdtemp " + name);
    }
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// A bound AF_UNIX datagram socket.
class DatagramReceiver {
 public:
  explicit DatagramReceiver(std::string path) : path_(std::move(path)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof(address.sun_path)) {
      throw std::runtime_error("socket path too long: " + path_);
    }
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0 || ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      throw std::runtime_error("bind " + path_);
    }
  }
  ~DatagramReceiver() {
    ::close(fd_);
    ::unlink(path_.c_str());
  }
  DatagramReceiver(const DatagramReceiver&) = delete;
  DatagramReceiver& operator=(const DatagramReceiver&) = delete;

  // The next datagram; nullopt when none is there. Local datagrams arrive before send() returns.
  std::optional<std::string> receive() const {
    std::string buffer(65536, '\0');
    const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0) {
      return std::nullopt;
    }
    buffer.resize(static_cast<std::size_t>(size));
    return buffer;
  }

 private:
  std::string path_;
  int fd_ = -1;
};

inline core::AlertEvent firing(std::string name = "tail_latency") {
  core::AlertEvent event;
  event.state = core::AlertState::kFiring;
  event.time = std::chrono::system_clock::time_point(std::chrono::milliseconds(1'767'225'599'042));
  event.active_for = std::chrono::seconds(30);
  event.rule.name = std::move(name);
  event.rule.condition = "rtt_p99 / rtt_p50 > 10";
  event.rule.window = std::chrono::seconds(60);
  event.rule.hold = std::chrono::seconds(30);
  event.rule.severity = core::Severity::kCritical;
  event.rule.diagnosis = "Queues build up.";
  event.rule.action = "Look at the drops.";
  event.signals = {{"rtt_p99", 0.0051, core::Unit::kSeconds}, {"rtt_p50", 0.0001, core::Unit::kSeconds}};
  event.samples = 12345;
  return event;
}

inline core::AlertEvent resolved(std::string name = "tail_latency") {
  core::AlertEvent event = firing(std::move(name));
  event.state = core::AlertState::kResolved;
  event.active_for = std::chrono::milliseconds(125'500);
  event.reason = "the condition is false";
  return event;
}

}  // namespace tcpperf::sink_tests

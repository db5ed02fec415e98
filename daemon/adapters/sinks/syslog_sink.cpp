#include "adapters/sinks/syslog_sink.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "adapters/sinks/alert_text.h"
#include "core/base/result.h"

namespace tcpperf::adapters {
namespace {

int syslog_severity(const core::AlertEvent& event) {
  if (event.state == core::AlertState::kResolved) {
    return LOG_NOTICE;
  }
  switch (event.rule.severity) {
    case core::Severity::kCritical: return LOG_CRIT;
    case core::Severity::kWarning: return LOG_WARNING;
    case core::Severity::kInfo: return LOG_NOTICE;
  }
  return LOG_NOTICE;
}

}  // namespace

std::string syslog_message(const core::AlertEvent& event, int pid) {
  // English whatever the locale, as the format wants it.
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t clock = std::chrono::system_clock::to_time_t(event.time);
  std::tm parts{};
  localtime_r(&clock, &parts);
  std::array<char, 80> head{};
  std::snprintf(head.data(), head.size(),
                "<%d>%s %2d %02d:%02d:%02d tcpperf[%d]: ", static_cast<int>(LOG_DAEMON) | syslog_severity(event),
                kMonths.at(static_cast<std::size_t>(parts.tm_mon)), parts.tm_mday, parts.tm_hour, parts.tm_min,
                parts.tm_sec, pid);
  return head.data() + to_text(event);
}

SyslogSink::SyslogSink(std::string socket_path) : socket_path_(std::move(socket_path)) {}

int SyslogSink::connect_socket() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path_.size() >= sizeof(address.sun_path)) {
    return ENAMETOOLONG;
  }
  std::memcpy(address.sun_path, socket_path_.c_str(), socket_path_.size() + 1);
  FileDescriptor fresh(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fresh.is_open()) {
    return errno;
  }
  if (::connect(fresh.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return errno;
  }
  socket_ = std::move(fresh);
  return 0;
}

int SyslogSink::send_message(const std::string& message) {
  if (!socket_.is_open()) {
    const int error = connect_socket();
    if (error != 0) {
      return error;
    }
  }
  return ::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

void SyslogSink::deliver(const core::AlertEvent& event) {
  const std::string message = syslog_message(event, ::getpid());
  const bool was_connected = socket_.is_open();
  int error = send_message(message);
  if (error == ECONNREFUSED || error == ECONNRESET || error == ENOTCONN || error == EPIPE) {
    // The other end is gone. A restarted daemon has a new socket at the same path.
    socket_.reset();
    if (was_connected) {
      error = send_message(message);
    }
  }
  if (error == 0) {
    counters_.delivered();
    return;
  }
  std::string why = core::Error::from_errno("send to " + socket_path_, error).message;
  if (error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS) {
    counters_.dropped(std::move(why));
  } else {
    counters_.failed(std::move(why));
  }
}

}  // namespace tcpperf::adapters

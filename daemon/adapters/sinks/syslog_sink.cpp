#include "adapters/sinks/syslog_sink.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "adapters/sinks/alert_text.h"
#include "adapters/sinks/journal_entry.h"
#include "adapters/sinks/syslog_priority.h"
#include "core/base/result.h"

namespace tcpperf::adapters {
namespace {

// Two paths that lead to the same file.
bool same_file(const std::string& one, const std::string& other) {
  struct stat first {};
  struct stat second {};
  return ::stat(one.c_str(), &first) == 0 && ::stat(other.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

bool is_socket(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
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

SyslogSink::SyslogSink(std::string socket_path, std::string journal_folder)
    : socket_path_(std::move(socket_path)), journal_folder_(std::move(journal_folder)) {}

bool SyslogSink::log_is_the_journals() const {
  return same_file(socket_path_, journal_folder_ + "/dev-log") && is_socket(journal_folder_ + "/socket");
}

int SyslogSink::send_datagram(const std::string& path, const std::string& datagram) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return ENAMETOOLONG;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (!socket_.is_open()) {
    socket_ = FileDescriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket_.is_open()) {
      return errno;
    }
  }
  return ::sendto(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                  reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0
             ? errno
             : 0;
}

void SyslogSink::deliver(const core::AlertEvent& event) {
  const bool to_journal = log_is_the_journals();
  const std::string path = to_journal ? journal_folder_ + "/socket" : socket_path_;
  const int error = send_datagram(path, to_journal ? journal_entry(event) : syslog_message(event, ::getpid()));
  in_journal_ = to_journal && error == 0;
  if (error == 0) {
    counters_.delivered();
    return;
  }
  std::string why = core::Error::from_errno("send to " + path, error).message;
  if (error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS) {
    counters_.dropped(std::move(why));
  } else {
    counters_.failed(std::move(why));
  }
}

}  // namespace tcpperf::adapters

// Alerts to the local system log (journald, rsyslog, syslog-ng), over its datagram socket.
//
// Neither syslog(3) nor sd_journal_send(3): they block when the daemon is slow, and syslog(3) hides every failure.
#pragma once

#include <string>
#include <string_view>

#include "adapters/sinks/delivery_counters.h"
#include "adapters/sinks/file_descriptor.h"
#include "core/ports/alert_sink.h"

namespace tcpperf::adapters {

// "<PRI>Mmm dd hh:mm:ss tcpperf[pid]: text" in local time (RFC 3164 as local sockets speak it: without a host name),
// facility daemon, severity as syslog_severity() says.
std::string syslog_message(const core::AlertEvent& event, int pid);

// One non-blocking datagram per event. Where /dev/log is journald's, the datagram is an entry with fields for its own
// socket (journal_entry()), which journald hands on to a syslog daemon as it does with what comes over /dev/log; so an
// event is once in each log. Else it is a line for /dev/log.
//
// Both paths are looked up for each event, so whoever has taken them over is found. A daemon that is too slow loses the
// event, which is counted as dropped.
class SyslogSink final : public core::AlertSink {
 public:
  // `journal_folder`: where journald's sockets are.
  explicit SyslogSink(std::string socket_path = "/dev/log", std::string journal_folder = "/run/systemd/journal");

  [[nodiscard]] std::string_view name() const override { return "syslog"; }
  void deliver(const core::AlertEvent& event) override;
  [[nodiscard]] core::DeliveryCounts counts() const override { return counters_.counts(); }
  [[nodiscard]] std::string last_error() const override { return counters_.last_error(); }
  [[nodiscard]] bool last_event_is_in_journal() const override { return in_journal_; }

 private:
  [[nodiscard]] bool log_is_the_journals() const;
  // 0 or an errno.
  int send_datagram(const std::string& path, const std::string& datagram);

  std::string socket_path_;
  std::string journal_folder_;
  FileDescriptor socket_;
  bool in_journal_ = false;
  DeliveryCounters counters_;
};

}  // namespace tcpperf::adapters

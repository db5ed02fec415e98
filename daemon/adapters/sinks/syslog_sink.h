// Alerts to the local syslog daemon (rsyslog, syslog-ng, journald), over its datagram socket.
//
// Not syslog(3), which blocks when the daemon is slow, hides every failure, and knows one socket only.
#pragma once

#include <string>
#include <string_view>

#include "adapters/sinks/delivery_counters.h"
#include "adapters/sinks/file_descriptor.h"
#include "core/ports/alert_sink.h"

namespace tcpperf::adapters {

// "<PRI>Mmm dd hh:mm:ss tcpperf[pid]: text" in local time (RFC 3164 as local sockets speak it: without a host name),
// facility daemon. A firing alert has the severity crit, warning or notice; a resolved one notice.
std::string syslog_message(const core::AlertEvent& event, int pid);

// One non-blocking send per event. A daemon that went away is found again with the next event; one that is too slow
// loses the event, which is counted as dropped.
class SyslogSink final : public core::AlertSink {
 public:
  explicit SyslogSink(std::string socket_path = "/dev/log");

  [[nodiscard]] std::string_view name() const override { return "syslog"; }
  void deliver(const core::AlertEvent& event) override;
  [[nodiscard]] core::DeliveryCounts counts() const override { return counters_.counts(); }
  [[nodiscard]] std::string last_error() const override { return counters_.last_error(); }

 private:
  // 0 or an errno.
  int connect_socket();
  int send_message(const std::string& message);

  std::string socket_path_;
  FileDescriptor socket_;
  DeliveryCounters counters_;
};

}  // namespace tcpperf::adapters

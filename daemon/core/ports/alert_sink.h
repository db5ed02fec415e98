// Where alert events go. Implemented by adapters/sinks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/rules/rule.h"

namespace tcpperf::core {

// What became of the events handed to a sink so far. delivered + failed + dropped + waiting = handed over.
struct DeliveryCounts {
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;   // given up after the last attempt
  std::uint64_t dropped = 0;  // refused because the queue was full, or lost at shutdown
};

// deliver() never blocks: a sink that can block owns one thread and one bounded queue. Called by the tick thread only;
// counts() by any thread.
class AlertSink {
 public:
  virtual ~AlertSink() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;  // the `sink` label
  virtual void deliver(const AlertEvent& event) = 0;
  [[nodiscard]] virtual DeliveryCounts counts() const = 0;
  // Reopens what was opened by path (log rotation). Called on SIGHUP by the tick thread.
  virtual void reopen() {}
  // Stops: delivers what it can within a second; counts() is final afterwards, and every further event is dropped.
  // Called by the tick thread; the destructor does the same.
  virtual void close() {}
  // Whether the event that deliver() had last is in systemd's journal now. Tick thread.
  [[nodiscard]] virtual bool last_event_is_in_journal() const { return false; }
  // Why the last event that was not delivered was not; empty while there is none. Any thread.
  [[nodiscard]] virtual std::string last_error() const { return {}; }
};

}  // namespace tcpperf::core

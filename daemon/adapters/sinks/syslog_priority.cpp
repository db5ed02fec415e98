#include "adapters/sinks/syslog_priority.h"

#include <syslog.h>

namespace tcpperf::adapters {

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

}  // namespace tcpperf::adapters

#include "core/rules/rule.h"

namespace tcpperf::core {

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::kInfo: return "info";
    case Severity::kWarning: return "warning";
    case Severity::kCritical: return "critical";
  }
  return "";
}

std::string_view to_string(AlertState state) {
  switch (state) {
    case AlertState::kFiring: return "firing";
    case AlertState::kResolved: return "resolved";
  }
  return "";
}

}  // namespace tcpperf::core

// How urgent an alert is to the system log.
#pragma once

#include "core/rules/rule.h"

namespace tcpperf::adapters {

// The severities of syslog(3): crit, warning or notice for a firing alert; notice for a resolved one.
int syslog_severity(const core::AlertEvent& event);

}  // namespace tcpperf::adapters

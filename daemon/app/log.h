// The log: to stderr, one line per message. The rest of the daemon returns errors; only this folder logs.
#pragma once

#include <string_view>

#include "app/options.h"

namespace tcpperf::app {

// Text carries a time stamp, unless stderr is the journal, which has its own. There each line of a message begins with
// the priority that sd-daemon(3) defines, which journald takes off again. JSON is one object per line with time, level
// and message.
void start_log(std::string_view level, LogFormat format);

// Whether stderr is the journal, as JOURNAL_STREAM= says (systemd.exec(5)).
bool log_is_journal();

}  // namespace tcpperf::app

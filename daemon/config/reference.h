// The documentation of the configuration, from the tables that the parser reads with.
#pragma once

#include <string>
#include <vector>

#include "config/keys.h"
#include "core/probe/descriptor.h"

namespace tcpperf::config {

// Every key of the file, in its order, maps before their keys.
std::vector<KeyRow> key_rows(core::ProbeTable probes);

// A Markdown table of key_rows(): key, type, default, range, meaning. Ends in a line end.
std::string config_reference(core::ProbeTable probes);

}  // namespace tcpperf::config

// The manual pages and the shells' completions, from the tables behind `--help` and the configuration.
#pragma once

#include <span>
#include <string>

#include "app/options.h"
#include "core/probe/descriptor.h"

namespace tcpperf::app {

// tcpperfd(8), in roff.
std::string daemon_manual(std::span<const OptionRow> options);

// tcpperf.yaml(5), in roff.
std::string configuration_manual(core::ProbeTable probes);

// To be read by bash with bash-completion, and to be found by zsh as _tcpperfd.
std::string bash_completion(std::span<const OptionRow> options);
std::string zsh_completion(std::span<const OptionRow> options);

}  // namespace tcpperf::app

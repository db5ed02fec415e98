// YAML text to Config. Pure but for read_config_file(); any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/error.h"
#include "config/model.h"
#include "core/base/result.h"
#include "core/probe/descriptor.h"

namespace tcpperf::config {

struct RuleFile {
  std::string path;  // for messages
  std::string text;
};

// What the file may refer to.
struct ParseContext {
  core::ProbeTable probes;
  // Whether an alert's condition compiles; its error becomes the error of the key. Empty: every condition is accepted.
  std::function<core::Result<void>(std::string_view condition)> check_condition;
  // The files that an entry of rule_files names; its error becomes the error of the entry. Empty: none are read.
  std::function<core::Result<std::vector<RuleFile>>(const std::string& pattern)> find_rule_files{};
};

// Exactly one of the two: a valid configuration, or everything that is wrong, by file and position.
struct ParseOutcome {
  std::optional<Config> config;
  std::vector<ConfigError> errors;
};

// An empty text is the defaults: every probe enabled, no alerts, syslog only. Never throws, whatever the text is.
ParseOutcome parse_config(std::string_view text, const ParseContext& context);

// The content of a regular file of at most 1 MiB. Does not wait on a FIFO or a device.
core::Result<std::string> read_config_file(const std::string& path);

// A name, or a pattern for names as glob(7) has it; relative to the folder of `main_file`. A pattern may match nothing;
// a name must be a file. By name.
core::Result<std::vector<RuleFile>> find_rule_files(const std::string& main_file, const std::string& pattern);

}  // namespace tcpperf::config

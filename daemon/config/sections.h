// The sections of the file, one key table each, and what no single table can check.
#pragma once

#include <string>
#include <vector>

#include "config/keys.h"
#include "config/model.h"
#include "config/parser.h"

namespace tcpperf::config {

// Every key of the file. Refers to the descriptors of `context`; keeps a copy of its check_condition.
std::vector<Key<Config>> root_keys(const ParseContext& context);

Key<Config> filter_key();
Key<Config> group_by_key();
// `fallback`: what holds without it, when that is not the group_by of the top level.
Key<ProbeConfig> probe_group_by_key(const std::string& fallback);
Key<Config> groups_key();
Key<Config> probes_key(core::ProbeTable probes);
Key<Config> alerts_key(const std::function<core::Result<void>(std::string_view condition)>& check_condition);
Key<Config> sinks_key();
Key<Config> rule_files_key();

// Every probe as it is without an entry in the file.
std::map<std::string, ProbeConfig, std::less<>> default_probes(core::ProbeTable probes);

// Fills Config::group_plan. Logs when the probes ask for too many groupings. Precondition: `config` is what was read
// from `root`, without errors.
void plan_probe_groups(ErrorLog& log, const YamlNode& root, Config& config);

// Reads the files that `config.rule_files` names and adds their alerts. What is wrong with an entry goes to `log`, what
// is wrong in a file is returned. `config` is what was read from `root`.
std::vector<ConfigError> read_rule_files(ErrorLog& log, const YamlNode& root, const ParseContext& context,
                                         Config& config);

// A window holds at least one tick. Compares what was read from `root`; faulty values are left alone.
void check_windows(ErrorLog& log, const YamlNode& root, const Config& config);

}  // namespace tcpperf::config

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "config/sections.h"
#include "config/text.h"

namespace tcpperf::config {
namespace {

constexpr std::size_t kLongestPattern = 4095;  // bytes: what Linux opens

core::Result<std::string> read_pattern(std::string_view text) {
  if (text.empty() || text.size() > kLongestPattern || text.find('\n') != std::string_view::npos) {
    return core::Error{"expected the path of a file or a pattern such as rules/*.yaml, found " + quoted(text)};
  }
  return std::string(text);
}

// Where each name of an alert was given first, for the message.
using Places = std::map<std::string, std::string, std::less<>>;

// A name that another file has given is an error; one that this file repeats has been told already.
void check_names(ErrorLog& log, const YamlNode& root, const std::vector<core::RuleSpec>& rules, const std::string& file,
                 Places& places) {
  const YamlNode* alerts = find_entry(root, "alerts");
  if (alerts == nullptr) {
    return;
  }
  const Value list{alerts, "alerts"};
  Places own;
  for (std::size_t i = 0; i < std::min(rules.size(), alerts->items.size()); ++i) {
    const Value item = list.item(i);
    const YamlNode* name = find_entry(*item.node, "name");
    if (rules[i].name.empty() || name == nullptr) {
      continue;
    }
    if (const auto first = places.find(rules[i].name); first != places.end()) {
      add_error(log, item.child("name", *name),
                "duplicate alert " + quoted(rules[i].name) + "; first given " + first->second);
    }
    own.emplace(rules[i].name,
                (file.empty() ? "in the main file, line " : "in " + file + ", line ") + std::to_string(name->at.line));
  }
  places.merge(own);
}

std::vector<ConfigError> read_rule_file(const RuleFile& file, const ParseContext& context, bool tick_is_good,
                                        Config& config, Places& places) {
  ErrorLog log;
  Config found;
  found.tick = config.tick;
  if (const auto tree = load_yaml(file.text, log)) {
    const std::vector<Key<Config>> keys = {alerts_key(context.check_condition)};
    read_map(log, {tree->root, ""}, keys, found);
    if (tick_is_good) {
      check_windows(log, *tree->root, found);
    }
    check_names(log, *tree->root, found.alerts, file.path, places);
  }
  std::move(found.alerts.begin(), found.alerts.end(), std::back_inserter(config.alerts));
  std::vector<ConfigError> errors = std::move(log).sorted();
  for (ConfigError& error : errors) {
    error.file = file.path;
  }
  return errors;
}

}  // namespace

Key<Config> rule_files_key() {
  return {.row = {"rule_files", "list of paths", "empty", "at most " + std::to_string(kLongestList) + " entries",
                  "Files with more `alerts`, written as here. Names, or patterns such as `rules/*.yaml`; relative to "
                  "the folder of this file. Alerts must have different names in all files."},
          .read = [](ErrorLog& log, const Value& value, Config& out) {
            for (const Value& item : read_list(log, value)) {
              const auto text = read_scalar(log, item, "the path of a file");
              if (!text) {
                continue;
              }
              auto pattern = read_pattern(*text);
              if (pattern) {
                out.rule_files.push_back(std::move(*pattern));
              } else {
                add_error(log, item, pattern.error().message);
              }
            }
          }};
}

std::vector<ConfigError> read_rule_files(ErrorLog& log, const YamlNode& root, const ParseContext& context,
                                         Config& config) {
  std::vector<ConfigError> errors;
  const YamlNode* entries = find_entry(root, "rule_files");
  if (!context.find_rule_files || entries == nullptr) {
    return errors;
  }
  const YamlNode* tick = find_entry(root, "tick");
  const bool tick_is_good = tick == nullptr || !log.has_error_at(tick->at);
  Places places;
  ErrorLog told;  // what the main file repeats has been told already
  check_names(told, root, config.alerts, "", places);
  std::set<std::string> seen;
  ErrorLog again;
  for (const Value& item : read_list(again, {entries, "rule_files"})) {
    if (item.node->kind != NodeKind::kScalar || log.has_error_at(item.node->at)) {
      continue;
    }
    const core::Result<std::vector<RuleFile>> files = context.find_rule_files(item.node->text);
    if (!files) {
      add_error(log, item, files.error().message);
      continue;
    }
    for (const RuleFile& file : *files) {
      if (seen.insert(file.path).second) {
        std::vector<ConfigError> wrong = read_rule_file(file, context, tick_is_good, config, places);
        std::move(wrong.begin(), wrong.end(), std::back_inserter(errors));
      }
    }
  }
  return errors;
}

}  // namespace tcpperf::config

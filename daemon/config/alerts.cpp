#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "config/sections.h"
#include "config/text.h"
#include "core/rules/rule.h"

namespace tcpperf::config {
namespace {

using core::RuleSpec;
using namespace std::chrono_literals;

constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLongestText = 1024;  // bytes
constexpr std::uint64_t kMostSamples = 1'000'000'000;

core::Result<std::string> read_name(std::string_view text) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_allowed = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; };
  if (text.empty() || text.size() > kLongestName || !is_letter(text.front()) ||
      !std::all_of(text.begin(), text.end(), is_allowed)) {
    return core::Error{"expected a name of a-z, 0-9 and _ that begins with a letter and has at most " +
                       std::to_string(kLongestName) + " characters, found " + quoted(text)};
  }
  return std::string(text);
}

// One sentence, on one line wherever it is shown.
core::Result<std::string> read_sentence(std::string_view text) {
  std::string sentence = on_one_line(text);
  if (sentence.size() > kLongestText) {
    return core::Error{"expected at most " + std::to_string(kLongestText) + " bytes, found " +
                       std::to_string(sentence.size())};
  }
  return sentence;
}

std::vector<Key<RuleSpec>> rule_keys(
    const std::function<core::Result<void>(std::string_view condition)>& check_condition) {
  const auto read_condition = [check_condition](std::string_view text) -> core::Result<std::string> {
    auto condition = read_sentence(text);
    if (condition && condition->empty()) {
      return core::Error{"expected a condition such as rtt_p99 > 100ms, found nothing"};
    }
    if (condition && check_condition) {
      if (const auto checked = check_condition(*condition); !checked) {
        return checked.error();
      }
    }
    return condition;
  };
  const std::string at_most = "at most " + std::to_string(kLongestText) + " bytes";
  return {
      text_key("name", &RuleSpec::name,
               {.type = "name",
                .range = "a-z, 0-9, _; at most " + std::to_string(kLongestName),
                .required = true,
                .read = read_name},
               "Unique name, shown wherever the alert appears."),
      text_key("condition", &RuleSpec::condition,
               {.type = "condition", .range = at_most, .required = true, .read = read_condition},
               "Expression over signals; the alert is active while it is true."),
      duration_key("window", &RuleSpec::window, 100ms, 1h,
                   "How much past the signals are taken over; at least one `tick`."),
      duration_key("for", &RuleSpec::hold, 0ms, 24h, "How long the condition must hold before the alert fires."),
      count_key("minimum_samples", &RuleSpec::minimum_samples, {0, kMostSamples},
                "The condition is judged only when every signal in it stands on at least this many observations."),
      choice_key<RuleSpec, core::Severity>("severity", &RuleSpec::severity,
                                           {{"info", core::Severity::kInfo},
                                            {"warning", core::Severity::kWarning},
                                            {"critical", core::Severity::kCritical}},
                                           "How urgent it is."),
      text_key("diagnosis", &RuleSpec::diagnosis, {.range = at_most, .read = read_sentence},
               "What it means, in one sentence."),
      text_key("action", &RuleSpec::action, {.range = at_most, .read = read_sentence},
               "What to look at next, in one sentence."),
  };
}

}  // namespace

Key<Config> alerts_key(const std::function<core::Result<void>(std::string_view condition)>& check_condition) {
  const std::vector<Key<RuleSpec>> keys = rule_keys(check_condition);
  const std::string name = "alerts";
  return {.row = {name, "list of maps", "empty", "at most " + std::to_string(kLongestList) + " entries",
                  "Conditions that are judged on every tick; a change is sent to the sinks."},
          .children = rows_of(keys, name + "[]."),
          .read = [keys](ErrorLog& log, const Value& value, Config& out) {
            std::map<std::string, int> lines;  // of each name
            for (const Value& item : read_list(log, value)) {
              RuleSpec& rule = out.alerts.emplace_back();
              read_map(log, item, keys, rule);
              const YamlNode* name_node = find_entry(*item.node, "name");
              if (rule.name.empty() || name_node == nullptr) {
                continue;
              }
              const auto [first, added] = lines.emplace(rule.name, name_node->at.line);
              if (!added) {
                add_error(
                    log, item.child("name", *name_node),
                    "duplicate alert " + quoted(rule.name) + "; first given on line " + std::to_string(first->second));
              }
            }
          }};
}

void check_windows(ErrorLog& log, const YamlNode& root, const Config& config) {
  const YamlNode* tick = find_entry(root, "tick");
  const YamlNode* alerts = find_entry(root, "alerts");
  if (alerts == nullptr || (tick != nullptr && log.has_error_at(tick->at))) {
    return;
  }
  const std::string expected = "at least the tick (" + format_duration(to_ns(config.tick)) + ")";
  const Value list{alerts, "alerts"};
  for (std::size_t i = 0; i < std::min(config.alerts.size(), alerts->items.size()); ++i) {
    const core::RuleSpec& rule = config.alerts[i];
    if (rule.window >= config.tick) {
      continue;
    }
    const Value item = list.item(i);
    const YamlNode* window = find_entry(*item.node, "window");
    if (window == nullptr) {
      add_error(log, item, "expected a 'window' of " + expected + ", found none; the default is shorter");
    } else if (!log.has_error_at(window->at)) {
      add_error(log, item.child("window", *window),
                "expected " + expected + ", found " + quoted(format_duration(to_ns(rule.window))));
    }
  }
}

}  // namespace tcpperf::config

// config/tcpperf.yaml and its rule files: valid, complete, and what is set is the default.
#include <filesystem>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "adapters/expression/expression.h"
#include "config/reference.h"
#include "config/yaml_tree.h"
#include "core/signals/reader.h"
#include "probes/registry.h"
#include "support.h"

using namespace tcpperf;

namespace {

core::ProbeTable shipped_probes() {
  return probes::probe_table();
}

core::Result<void> compiles(std::string_view condition) {
  const auto compiled = adapters::compile_expression(condition, core::names_of(core::signals_of(shipped_probes())));
  return compiled ? core::Result<void>() : core::Result<void>(compiled.error());
}

const std::string kShippedFile = TCPPERF_SOURCE_DIR "/config/tcpperf.yaml";

std::string shipped_text() {
  const auto text = config::read_config_file(kShippedFile);
  REQUIRE(text);
  return *text;
}

core::Result<std::vector<config::RuleFile>> find_shipped(const std::string& pattern) {
  return config::find_rule_files(kShippedFile, pattern);
}

// With the settings that are off switched on: a "#" without a blank behind it goes.
std::string with_all_settings(const std::string& text) {
  return std::regex_replace(text, std::regex("(^|\n)( *)#([^ \n])"), "$1$2$3");
}

config::Config parsed(const std::string& text) {
  const auto outcome = config::parse_config(text, {shipped_probes(), compiles, find_shipped});
  for (const auto& error : outcome.errors) {
    UNSCOPED_INFO(config::format_error(kShippedFile, error));
  }
  REQUIRE(outcome.config);
  return *outcome.config;
}

// The paths of all keys below `node`, as the reference writes them.
void collect_paths(const config::YamlNode& node, const std::string& path, std::set<std::string>& paths) {
  for (const auto& [key, value] : node.entries) {
    const std::string below = path.empty() ? key->text : path + "." + key->text;
    paths.insert(below);
    collect_paths(*value, below, paths);
  }
  for (const config::YamlNode* item : node.items) {
    collect_paths(*item, path + "[]", paths);
  }
}

}  // namespace

TEST_CASE("the shipped configuration is valid", "[config]") {
  const config::Config config = parsed(shipped_text());
  CHECK(config.alerts.size() >= 6);
}

TEST_CASE("every rule file that is there is loaded, and has alerts", "[config]") {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TCPPERF_SOURCE_DIR "/config/rules")) {
    INFO(entry.path());
    CHECK(entry.path().extension() == ".yaml");
    const auto text = config::read_config_file(entry.path());
    REQUIRE(text);
    CHECK_FALSE(parsed(*text).alerts.empty());
    ++files;
  }
  CHECK(find_shipped("rules/*.yaml")->size() == files);
}

TEST_CASE("the shipped configuration sets nothing but defaults, except for alerts, for whom, and how many RTTs",
          "[config]") {
  config::Config config = parsed(shipped_text());
  config.alerts.clear();
  config.rule_files.clear();
  const core::GroupBy for_whom{core::Dimension::kServicePort, core::Dimension::kRole};
  for (const char* name : {"rtt", "handshake", "retransmit", "time", "throughput"}) {
    INFO(name);
    CHECK(config.probes.at(name).group_by == for_whom);
    config.probes.at(name).group_by.reset();
  }
  CHECK(config.probes.at("listener").group_by ==
        core::GroupBy{core::Dimension::kLocalIp, core::Dimension::kLocalPort, core::Dimension::kProcess});
  CHECK(config.group_plan.groupings.at(config.group_plan.of("listener").grouping).of_listeners);
  config.group_plan = parsed("").group_plan;
  CHECK(config.probes.at("rtt").knobs.at("sample_interval") == 1'000'000);
  config.probes.at("rtt").knobs.at("sample_interval") = 0;
  CHECK(config == parsed(""));
}

TEST_CASE("the settings that are off in the shipped configuration are valid and show their defaults", "[config]") {
  const config::Config config = parsed(with_all_settings(shipped_text()));
  for (const auto& [name, probe] : config.probes) {
    INFO(name);
    CHECK(probe.group_by.has_value());
  }
  REQUIRE(config.sinks.file);
  REQUIRE(config.sinks.webhook);
  config::WebhookSink webhook;
  webhook.url = config.sinks.webhook->url;
  CHECK(*config.sinks.webhook == webhook);
}

TEST_CASE("the shipped configuration has every key of the reference", "[config]") {
  config::ErrorLog log;
  const auto tree = config::load_yaml(with_all_settings(shipped_text()), log);
  REQUIRE(tree);
  std::set<std::string> paths;
  collect_paths(*tree->root, "", paths);
  const auto rule_files = find_shipped("rules/*.yaml");
  REQUIRE(rule_files);
  for (const config::RuleFile& file : *rule_files) {
    const auto rules = config::load_yaml(file.text, log);
    REQUIRE(rules);
    collect_paths(*rules->root, "", paths);
  }
  for (const config::KeyRow& row : config::key_rows(shipped_probes())) {
    INFO(row.path);
    CHECK(paths.contains(row.path));
  }
}

TEST_CASE("every shipped alert tells the operator what it means and what to do", "[config]") {
  for (const core::RuleSpec& alert : parsed(shipped_text()).alerts) {
    INFO(alert.name);
    for (const std::string& sentence : {alert.diagnosis, alert.action}) {
      CHECK(sentence.size() > 20);
      CHECK(sentence.back() == '.');
    }
  }
}

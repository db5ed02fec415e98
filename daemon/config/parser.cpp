#include "config/parser.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "config/sections.h"
#include "config/yaml_tree.h"

namespace tcpperf::config {
namespace {

using namespace std::chrono_literals;

Key<Config> histograms_key() {
  Key<Config> buckets = choice_key<Config, std::uint32_t>(
      "buckets_per_power_of_two", &Config::buckets_per_power_of_two, {{"1", 1}, {"2", 2}, {"4", 4}, {"8", 8}},
      "Resolution of classic histograms: `le` borders per power of two.");
  Key<Config> in_protobuf = choice_key<Config, core::ProtobufHistograms>(
      "in_protobuf", &Config::histograms_in_protobuf,
      {{"both", core::ProtobufHistograms::kBoth},
       {"native", core::ProtobufHistograms::kNative},
       {"classic", core::ProtobufHistograms::kClassic}},
      "What a scrape in protobuf carries; one in text has classic histograms alone.");
  const std::string name = "histograms";
  return {.row = {name, "map", "", "", "How histograms are exposed."},
          .children = rows_of<Config>({buckets, in_protobuf}, name + "."),
          .read = [keys = std::vector{buckets, in_protobuf}](ErrorLog& log, const Value& value, Config& out) {
            read_map(log, value, keys, out);
          }};
}

}  // namespace

std::vector<Key<Config>> root_keys(const ParseContext& context) {
  return {duration_key("tick", &Config::tick, 100ms, 5min, "How often alert conditions are judged."),
          histograms_key(),
          filter_key(),
          group_by_key(),
          groups_key(),
          probes_key(context.probes),
          rule_files_key(),
          alerts_key(context.check_condition),
          sinks_key()};
}

ParseOutcome parse_config(std::string_view text, const ParseContext& context) {
  ErrorLog log;
  Config config;
  std::vector<ConfigError> in_files;
  config.probes = default_probes(context.probes);
  if (const auto tree = load_yaml(text, log)) {
    read_map(log, {tree->root, ""}, root_keys(context), config);
    check_windows(log, *tree->root, config);
    in_files = read_rule_files(log, *tree->root, context, config);
    if (log.empty()) {
      plan_probe_groups(log, *tree->root, config);
    }
  }
  if (log.empty() && in_files.empty()) {
    return {std::move(config), {}};
  }
  std::vector<ConfigError> errors = std::move(log).sorted();
  std::move(in_files.begin(), in_files.end(), std::back_inserter(errors));
  return {std::nullopt, std::move(errors)};
}

}  // namespace tcpperf::config

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

Key<Config> cpu_budget_key() {
  return {.row = {"cpu_budget", "percentage of one CPU, or off", "off", "0.01% to 100%",
                  "How much CPU time the BPF programs may take. Above it, what runs for every segment and every call "
                  "looks at a half, a quarter ... of the connections, and what that tells is scaled up; see "
                  "tcpperf_sampling_ratio. off: every connection is looked at, whatever it costs."},
          .read = [](ErrorLog& log, const Value& value, Config& out) {
            const auto text = read_scalar(log, value, "off or a percentage of one CPU such as 0.5%");
            if (!text) {
              return;
            }
            out.cpu_budget_ppm.reset();
            if (*text == "off") {
              return;
            }
            if (const core::Result<std::uint32_t> share = parse_cpu_share(*text)) {
              out.cpu_budget_ppm = *share;
            } else {
              add_error(log, value, share.error().message);
            }
          }};
}

}  // namespace

std::vector<Key<Config>> root_keys(const ParseContext& context) {
  return {duration_key("tick", &Config::tick, 100ms, 5min, "How often alert conditions are judged."),
          cpu_budget_key(),
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

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/sections.h"
#include "config/text.h"
#include "core/base/suggestion.h"
#include "core/groups/dimension.h"

namespace tcpperf::config {
namespace {

using namespace std::chrono_literals;
using Requests = std::map<std::string, core::GroupRequest, std::less<>>;

std::string allowed_dimensions() {
  std::string text;
  for (const std::string_view name : core::dimension_names()) {
    text += (text.empty() ? "" : ", ") + std::string(name);
  }
  return text;
}

std::optional<core::Dimension> read_dimension(ErrorLog& log, const Value& item) {
  const auto text = read_scalar(log, item, "one of a list of dimensions");
  if (!text) {
    return std::nullopt;
  }
  const auto dimension = core::dimension_of(*text);
  if (!dimension) {
    add_error(log, item,
              "unknown dimension " + quoted(*text) + core::suggestion(*text, "allowed", core::dimension_names()));
  }
  return dimension;
}

// nullopt when anything is wrong with it.
std::optional<core::GroupBy> read_group_by(ErrorLog& log, const Value& value) {
  std::map<core::Dimension, int> lines;
  bool faulty = value.node->kind == NodeKind::kMap;
  for (const Value& item : read_list(log, value)) {
    const auto dimension = read_dimension(log, item);
    if (!dimension) {
      faulty = true;
      continue;
    }
    const auto [first, added] = lines.emplace(*dimension, item.node->at.line);
    if (!added) {
      add_error(log, item, "duplicate entry; first given on line " + std::to_string(first->second));
      faulty = true;
    }
  }
  if (faulty) {
    return std::nullopt;
  }
  std::vector<core::Dimension> dimensions;
  dimensions.reserve(lines.size());
  for (const auto& [dimension, line] : lines) {
    dimensions.push_back(dimension);
  }
  const auto by = core::make_group_by(std::move(dimensions));
  if (!by) {
    add_error(log, value, by.error().message);
    return std::nullopt;
  }
  return *by;
}

// T: Config or ProbeConfig. `member` is a GroupBy or an optional one.
template <typename T, typename Member>
Key<T> dimensions_key(Member T::*member, std::string fallback, std::string meaning) {
  return {.row = {"group_by", "list of dimensions", std::move(fallback), allowed_dimensions(), std::move(meaning)},
          .read = [member](ErrorLog& log, const Value& value, T& out) {
            if (auto by = read_group_by(log, value)) {
              out.*member = std::move(*by);
            }
          }};
}

// What makes this probe's grouping what it is, most specific first.
Value place_of_grouping(const YamlNode& root, const std::string& probe) {
  const Value file{&root, ""};
  if (const YamlNode* probes = find_entry(root, "probes")) {
    if (const YamlNode* block = find_entry(*probes, probe)) {
      for (const std::string_view key : {"group_by", "series_budget"}) {
        if (const YamlNode* entry = find_entry(*block, key)) {
          return file.child("probes", *probes).child(probe, *block).child(key, *entry);
        }
      }
    }
  }
  const YamlNode* shared = find_entry(root, "group_by");
  return shared == nullptr ? file : file.child("group_by", *shared);
}

}  // namespace

Key<Config> group_by_key() {
  return dimensions_key(&Config::group_by, "empty",
                        "For whom: what connections are told apart by, in every metric of a probe but "
                        "`tcpperf_connections`. Each dimension becomes a label; each combination of values is a "
                        "group. Without entries all connections are counted together.");
}

Key<ProbeConfig> probe_group_by_key(const std::string& fallback) {
  return dimensions_key(&ProbeConfig::group_by, fallback.empty() ? "`group_by` of the top level" : fallback,
                        "Of this probe alone; an empty list switches grouping off. At most " +
                            std::to_string(core::kMostGroupings) +
                            " different pairs of `group_by` and `series_budget` are possible.");
}

Key<Config> groups_key() {
  const std::vector<Key<Groups>> keys = {
      duration_key("idle_after", &Groups::idle_after, 10s, 24h,
                   "A group without connections for so long loses its series; its past is added to `other`."),
      count_key("remote_prefix_ipv4", &Groups::remote_prefix_ipv4, {1, 32},
                "Bits of an IPv4 address that make its `remote_prefix`."),
      count_key("remote_prefix_ipv6", &Groups::remote_prefix_ipv6, {1, 128},
                "Bits of an IPv6 address that make its `remote_prefix`."),
  };
  return map_key("groups", &Config::groups, keys, "What holds for all groups.");
}

void plan_probe_groups(ErrorLog& log, const YamlNode& root, Config& config) {
  const core::PrefixLengths prefix{config.groups.remote_prefix_ipv4, config.groups.remote_prefix_ipv6};
  Requests requests;
  std::optional<std::string> one_too_many;
  for (const auto& [name, probe] : config.probes) {
    if (probe.enabled) {
      requests[name] = {probe.group_by.value_or(config.group_by), probe.series_budget, probe.of_listeners};
      if (!one_too_many && !core::plan_groups(requests, prefix)) {
        one_too_many = name;
      }
    }
  }
  auto plan = core::plan_groups(requests, prefix);
  if (plan) {
    config.group_plan = std::move(*plan);
  } else {
    add_error(log, place_of_grouping(root, one_too_many.value_or("")), plan.error().message);
  }
}

}  // namespace tcpperf::config

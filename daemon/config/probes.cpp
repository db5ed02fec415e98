#include <string>
#include <utility>

#include "config/sections.h"

namespace tcpperf::config {
namespace {

using Probes = std::map<std::string, ProbeConfig, std::less<>>;

Key<ProbeConfig> knob_key(const core::KnobSpec& knob) {
  const std::string name(knob.key);
  const std::string help(knob.help);
  switch (knob.type) {
    case core::KnobType::kBool:
      return {.row = {name, "true or false", knob.default_value != 0 ? "true" : "false", "", help},
              .read = [name](ErrorLog& log, const Value& value, ProbeConfig& out) {
                if (const auto flag = read_bool(log, value)) {
                  out.knobs[name] = *flag ? 1 : 0;
                }
              }};
    case core::KnobType::kCount: {
      const CountRange range{knob.min_value, knob.max_value};
      return {.row = {name, "whole number", std::to_string(knob.default_value), to_string(range), help},
              .read = [name, range](ErrorLog& log, const Value& value, ProbeConfig& out) {
                if (const auto number = read_count(log, value, range)) {
                  out.knobs[name] = *number;
                }
              }};
    }
    case core::KnobType::kDuration: {
      const DurationRange range{knob.min_value, knob.max_value};
      return {.row = {name, "duration", format_duration(knob.default_value), to_string(range), help},
              .read = [name, range](ErrorLog& log, const Value& value, ProbeConfig& out) {
                if (const auto ns = read_duration(log, value, range, FinestUnit::kNanoseconds)) {
                  out.knobs[name] = *ns;
                }
              }};
    }
    case core::KnobType::kChoice: {
      std::string allowed;
      std::string fallback;
      for (const core::KnobChoice& choice : knob.choices) {
        allowed += (allowed.empty() ? "" : ", ") + std::string(choice.word);
        fallback = choice.value == knob.default_value ? std::string(choice.word) : fallback;
      }
      return {.row = {name, "one of", fallback, allowed, help},
              .read = [name, allowed, choices = knob.choices](ErrorLog& log, const Value& value, ProbeConfig& out) {
                const auto text = read_scalar(log, value, "one of " + allowed);
                if (!text) {
                  return;
                }
                for (const core::KnobChoice& choice : choices) {
                  if (choice.word == *text) {
                    out.knobs[name] = choice.value;
                    return;
                  }
                }
                add_mismatch(log, value, "one of " + allowed);
              }};
    }
  }
  return {};
}

const core::GroupBy kListenersBy = {core::Dimension::kLocalIp, core::Dimension::kLocalPort, core::Dimension::kProcess};

Key<Probes> probe_key(const core::ProbeDescriptor& probe) {
  std::vector<Key<ProbeConfig>> keys = {
      bool_key("enabled", &ProbeConfig::enabled, "Whether this probe measures."),
      bool_key("required", &ProbeConfig::required, "The daemon does not start when this probe cannot."),
  };
  if (probe.grouped) {
    keys.push_back(probe_group_by_key(probe.of_listeners ? "`" + core::to_string(kListenersBy) + "`" : ""));
    keys.push_back(count_key("series_budget", &ProbeConfig::series_budget, {1, core::kMostGroups},
                             "The most groups that get series of their own, for each series the probe has; connections "
                             "of further groups are counted in `other`."));
  }
  for (const core::KnobSpec& knob : probe.knobs) {
    keys.push_back(knob_key(knob));
  }
  const std::string name(probe.name);
  return {
      .row = {name, "map", "", "", std::string(probe.summary)},
      .children = rows_of(keys, name + "."),
      .read = [name, keys](ErrorLog& log, const Value& value, Probes& out) { read_map(log, value, keys, out[name]); }};
}

}  // namespace

Probes default_probes(core::ProbeTable probes) {
  Probes result;
  for (const core::ProbeDescriptor* probe : probes) {
    ProbeConfig& config = result[std::string(probe->name)];
    config.of_listeners = probe->of_listeners;
    if (config.of_listeners) {  // added up over all listeners, their numbers would say nothing
      config.group_by = kListenersBy;
    }
    if (!probe->grouped) {
      config.group_by.emplace();
    }
    for (const core::KnobSpec& knob : probe->knobs) {
      config.knobs[std::string(knob.key)] = knob.default_value;
    }
  }
  return result;
}

Key<Config> probes_key(core::ProbeTable probes) {
  std::vector<Key<Probes>> keys;
  for (const core::ProbeDescriptor* probe : probes) {
    keys.push_back(probe_key(*probe));
  }
  return map_key("probes", &Config::probes, keys, "What is measured. A probe that is not listed is enabled.");
}

}  // namespace tcpperf::config

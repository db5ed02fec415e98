#include "core/docs/tables.h"

#include <array>
#include <charconv>
#include <string_view>

#include "core/docs/markdown.h"

namespace tcpperf::core {
namespace {

std::string label_list(const MetricSpec& spec) {
  std::string text;
  for (const std::string_view label : spec.labels) {
    text += (text.empty() ? "" : ", ") + markdown_code(label);
  }
  return text;
}

void add_metric(MarkdownTable& table, const MetricSpec& spec, const std::string& probe) {
  table.add({markdown_code(spec.name), std::string(to_string(spec.kind)), std::string(to_string(spec.unit)),
             label_list(spec), probe, std::string(spec.help)});
}

// Which metrics get the labels of a grouping, which the table does not show.
std::string grouping_text(ProbeTable probes) {
  std::string never_grouped;
  for (const ProbeDescriptor* probe : probes) {
    for (const MetricDef& metric : probe->metrics) {
      if (!can_be_grouped(metric.source.kind)) {
        never_grouped += (never_grouped.empty() ? ", but for " : ", ") + markdown_code(metric.spec.name);
      }
    }
  }
  return "With `group_by`, every metric of a probe" + never_grouped + (never_grouped.empty() ? "" : ",") +
         " has a label for each dimension as well, unless it has one of that name already.\n\n";
}

// PromQL's notation, which the reader knows: name{label="value",other!="value"}.
std::string selector_text(const SeriesSelector& selector) {
  std::string matches;
  for (const LabelMatch& match : selector.matches) {
    matches += (matches.empty() ? "" : ",") + std::string(match.label) + (match.negated ? "!=\"" : "=\"") +
               std::string(match.value) + "\"";
  }
  return std::string(selector.metric) + (matches.empty() ? "" : "{" + matches + "}");
}

std::string shortest_text(double value) {
  std::array<char, 32> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
}

std::string source_text(const SignalSpec& signal) {
  const std::string numerator = markdown_code(selector_text(signal.numerator));
  switch (signal.kind) {
    case SignalKind::kQuantile: return shortest_text(signal.q) + "-quantile of " + numerator;
    case SignalKind::kRate: return "rate of " + numerator;
    case SignalKind::kRatio:
      return "increase of " + numerator + " / increase of " + markdown_code(selector_text(signal.denominator));
    case SignalKind::kShare:
      return "increase of " + numerator + " / increase of it and " + markdown_code(selector_text(signal.denominator));
    case SignalKind::kGauge: return "sum of " + numerator;
    case SignalKind::kSumRate: return "rate of the sum of " + numerator;
  }
  return "";
}

std::string unit_text(const SignalSpec& signal) {
  std::string unit(to_string(signal.unit));
  if (signal.kind != SignalKind::kRate && signal.kind != SignalKind::kSumRate) {
    return unit;
  }
  return unit.empty() ? "per second" : unit + " per second";
}

}  // namespace

std::string metric_table(ProbeTable probes, std::span<const MetricSpec* const> own_metrics) {
  MarkdownTable table({"Metric", "Type", "Unit", "Labels", "Probe", "Meaning"});
  for (const ProbeDescriptor* probe : probes) {
    for (const MetricDef& metric : probe->metrics) {
      add_metric(table, metric.spec, markdown_code(probe->name));
    }
  }
  for (const MetricSpec* spec : own_metrics) {
    add_metric(table, *spec, "the daemon itself");
  }
  return grouping_text(probes) + table.text();
}

std::string signal_table(ProbeTable probes) {
  MarkdownTable table({"Signal", "Unit", "Made of", "Probe", "Meaning"});
  for (const ProbeDescriptor* probe : probes) {
    for (const SignalSpec& signal : probe->signals) {
      table.add({markdown_code(signal.name), unit_text(signal), source_text(signal), markdown_code(probe->name),
                 std::string(signal.help)});
    }
  }
  return table.text();
}

}  // namespace tcpperf::core

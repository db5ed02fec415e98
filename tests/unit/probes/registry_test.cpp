// The descriptors hold together, and nothing that repeats their names has drifted from them.
#include "probes/registry.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "catch.h"
#include "core/self/self_metrics.h"

namespace {

namespace core = tcpperf::core;
using tcpperf::probes::hook_table;
using tcpperf::probes::probe_table;

// A kernel that has every field, and of its names those that signals select.
class FewNames final : public core::KernelNames {
 public:
  [[nodiscard]] std::vector<std::pair<std::string, std::uint32_t>> enumerators(std::string_view name) const override {
    if (name == "skb_drop_reason") {
      return {{"SKB_DROP_REASON_SOCKET_BACKLOG", 1},
              {"SKB_DROP_REASON_PROTO_MEM", 2},
              {"SKB_DROP_REASON_TCP_ZEROWINDOW", 3},
              {"SKB_DROP_REASON_TCP_OFO_QUEUE_PRUNE", 4}};
    }
    return {};
  }
  [[nodiscard]] bool has_field(std::string_view /*type*/, std::string_view /*field*/) const override { return true; }
};

std::string text_of(const std::string& path) {
  std::ifstream file(std::string(TCPPERF_SOURCE_DIR) + "/" + path);
  REQUIRE(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void check_spec(const core::MetricSpec& spec) {
  const std::string name(spec.name);
  INFO(name);
  CHECK(std::regex_match(name, std::regex("[a-z][a-z0-9_]*[a-z0-9]")));
  CHECK(spec.help.size() > 10);
  CHECK(spec.help.back() == '.');
  CHECK(name.ends_with("_total") == (spec.kind == core::MetricKind::kCounter));
  const std::string base = name.ends_with("_total") ? name.substr(0, name.size() - 6) : name;
  if (spec.unit == core::Unit::kSeconds || spec.unit == core::Unit::kTimestampSeconds) {
    CHECK(base.ends_with("_seconds"));
  }
  if (spec.unit == core::Unit::kBytes) {
    CHECK(base.ends_with("_bytes"));
  }
  if (spec.unit == core::Unit::kBytesPerSecond) {
    CHECK(base.ends_with("_bytes_per_second"));
  }
  if (spec.kind == core::MetricKind::kHistogram) {
    CHECK(spec.borders.min_exponent < spec.borders.max_exponent);
  }
}

}  // namespace

TEST_CASE("every metric follows the naming conventions and explains itself", "[probes]") {
  for (const core::ProbeDescriptor* probe : probe_table()) {
    for (const core::MetricDef& metric : probe->metrics) {
      check_spec(metric.spec);
      CHECK(metric.spec.name.starts_with("tcpperf_"));
    }
  }
  for (const core::MetricSpec* spec : core::self_metric_specs()) {
    check_spec(*spec);
    CHECK((spec->name.starts_with("tcpperf_") || spec->name.starts_with("process_")));
  }
}

TEST_CASE("no name of a probe, metric, signal or series is used twice", "[probes]") {
  std::set<std::string_view> names;
  for (const core::MetricSpec* spec : core::self_metric_specs()) {
    CHECK(names.insert(spec->name).second);
  }
  for (const core::ProbeDescriptor* probe : probe_table()) {
    INFO(probe->name);
    CHECK(names.insert(probe->name).second);
    for (const core::MetricDef& metric : probe->metrics) {
      CHECK(names.insert(metric.spec.name).second);
      std::set<std::vector<std::string>> series;
      std::set<std::uint32_t> elements;
      for (const core::Cell& cell : metric.source.cells(FewNames())) {
        CHECK(cell.labels.size() == metric.spec.labels.size());
        CHECK(series.insert(cell.labels).second);
        CHECK(elements.insert(cell.index).second);
      }
    }
    for (const core::SignalSpec& signal : probe->signals) {
      CHECK(names.insert(signal.name).second);
    }
  }
}

TEST_CASE("every signal is made of metrics, the first of its own probe, by labels that they have", "[probes]") {
  std::vector<const core::MetricDef*> all;
  for (const core::ProbeDescriptor* probe : probe_table()) {
    for (const core::MetricDef& metric : probe->metrics) {
      all.push_back(&metric);
    }
  }
  for (const core::ProbeDescriptor* probe : probe_table()) {
    for (const core::SignalSpec& signal : probe->signals) {
      INFO(signal.name);
      for (const core::SeriesSelector* selector : {&signal.numerator, &signal.denominator}) {
        if (selector->metric.empty()) {
          CHECK(signal.kind != core::SignalKind::kRatio);
          CHECK(signal.kind != core::SignalKind::kShare);
          continue;
        }
        const auto found =
            std::find_if(all.begin(), all.end(), [&](const auto* m) { return m->spec.name == selector->metric; });
        REQUIRE(found != all.end());
        const core::MetricDef* metric = *found;
        if (selector == &signal.numerator) {
          CHECK(metric >= probe->metrics.data());
          CHECK(metric < probe->metrics.data() + probe->metrics.size());
        }
        for (const core::LabelMatch& match : selector->matches) {
          const auto label = std::find(metric->spec.labels.begin(), metric->spec.labels.end(), match.label);
          REQUIRE(label != metric->spec.labels.end());
          const auto position = label - metric->spec.labels.begin();
          const auto cells = metric->source.cells(FewNames());
          CHECK(std::any_of(cells.begin(), cells.end(), [&](const core::Cell& cell) {
            return cell.labels[static_cast<std::size_t>(position)] == match.value;
          }));
        }
      }
    }
  }
}

TEST_CASE("every probe listens on hooks that exist, and every hook is wanted", "[probes]") {
  std::set<std::string_view> used;
  for (const core::ProbeDescriptor* probe : probe_table()) {
    INFO(probe->name);
    CHECK(probe->hooks.empty() == probe->enable_symbol.empty());
    for (const core::HookUse& use : probe->hooks) {
      INFO(use.program);
      used.insert(use.program);
      CHECK(std::any_of(hook_table().begin(), hook_table().end(),
                        [&](const auto& h) { return h.program == use.program; }));
      CHECK((use.required || !use.provides.empty()));
    }
  }
  for (const core::HookDescriptor& hook : hook_table()) {
    INFO(hook.program);
    CHECK((used.contains(hook.program) || hook.need != core::HookNeed::kListeners));
  }
}

TEST_CASE("every probe has its file of BPF handlers, its test on real traffic, and its line in each hook", "[probes]") {
  const std::filesystem::path root(TCPPERF_SOURCE_DIR);
  for (const core::ProbeDescriptor* probe : probe_table()) {
    if (probe->enable_symbol.empty()) {
      continue;  // no BPF code
    }
    const std::string name(probe->name);
    INFO(name);
    CHECK(std::filesystem::exists(root / "bpf/probes" / (name + ".bpf.h")));
    CHECK(std::filesystem::exists(root / "tests/bpf" / (name + "_bpf_test.cpp")));
    for (const core::HookUse& use : probe->hooks) {
      bool called = false;
      for (const auto& file : std::filesystem::directory_iterator(root / "bpf/hooks")) {
        const std::string source = text_of("bpf/hooks/" + file.path().filename().string());
        called = called || (std::regex_search(source, std::regex("\\b" + std::string(use.program) + "[(,]")) &&
                            source.find("\t" + name + "_") != std::string::npos);
      }
      INFO(use.program);
      CHECK(called);
    }
  }
}

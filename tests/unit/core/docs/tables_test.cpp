// The generated tables of metrics and signals.
#include "core/docs/tables.h"

#include <array>

#include "catch.h"
#include "core/docs/markdown.h"

using namespace tcpperf::core;

namespace {

const ProbeDescriptor& probe() {
  static const ProbeDescriptor descriptor = [] {
    ProbeDescriptor result;
    result.name = "rtt";
    result.metrics = {
        {{"tcpperf_rtt_seconds",
          "Time | to acknowledge.",
          MetricKind::kHistogram,
          Unit::kSeconds,
          {"kind", "role"},
          {}},
         {}},
        {{"tcpperf_lost_total", "Lost.", MetricKind::kCounter, Unit::kNone, {}, {}}, {}},
        {{"tcpperf_open", "Now.", MetricKind::kGauge, Unit::kConnections, {}, {}}, {SourceKind::kTcpStates, "", {}}},
    };
    result.signals = {
        {"rtt_p99",
         "Tail.",
         SignalKind::kQuantile,
         Unit::kSeconds,
         0.99,
         {"tcpperf_rtt_seconds", {{"kind", "raw"}}},
         {}},
        {"lost_rate", "Losses.", SignalKind::kRate, Unit::kNone, 0, {"tcpperf_lost_total", {}}, {}},
        {"sent_rate", "Volume.", SignalKind::kRate, Unit::kBytes, 0, {"tcpperf_sent_bytes_total", {}}, {}},
        {"lost_ratio",
         "Share.",
         SignalKind::kRatio,
         Unit::kRatio,
         0,
         {"tcpperf_lost_total", {{"a", "x"}, {"b", "y", true}}},
         {"tcpperf_sent_total", {}}},
        {"open", "Now.", SignalKind::kGauge, Unit::kConnections, 0, {"tcpperf_open", {}}, {}},
    };
    return result;
  }();
  return descriptor;
}

const std::array<const ProbeDescriptor*, 1> table_of_one = {&probe()};

}  // namespace

TEST_CASE("the metric table lists the probes' metrics and then the daemon's own", "[docs]") {
  const MetricSpec own{"tcpperf_build_info", "Always 1.", MetricKind::kGauge, Unit::kNone, {"version"}, {}};
  const std::array<const MetricSpec*, 1> own_metrics = {&own};
  CHECK(metric_table(table_of_one, own_metrics) ==
        "With `group_by`, every metric of a probe, but for `tcpperf_open`, has a label for each dimension as well, "
        "unless it has one of that name already.\n\n"
        "| Metric | Type | Unit | Labels | Probe | Meaning |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| `tcpperf_rtt_seconds` | histogram | seconds | `kind`, `role` | `rtt` | Time \\| to acknowledge. |\n"
        "| `tcpperf_lost_total` | counter | | | `rtt` | Lost. |\n"
        "| `tcpperf_open` | gauge | connections | | `rtt` | Now. |\n"
        "| `tcpperf_build_info` | gauge | | `version` | the daemon itself | Always 1. |\n");
}

TEST_CASE("the signal table says how each signal is made", "[docs]") {
  CHECK(signal_table(table_of_one) ==
        "| Signal | Unit | Made of | Probe | Meaning |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| `rtt_p99` | seconds | 0.99-quantile of `tcpperf_rtt_seconds{kind=\"raw\"}` | `rtt` | Tail. |\n"
        "| `lost_rate` | per second | rate of `tcpperf_lost_total` | `rtt` | Losses. |\n"
        "| `sent_rate` | bytes per second | rate of `tcpperf_sent_bytes_total` | `rtt` | Volume. |\n"
        "| `lost_ratio` | ratio | increase of `tcpperf_lost_total{a=\"x\",b!=\"y\"}` / increase of "
        "`tcpperf_sent_total` | `rtt` | Share. |\n"
        "| `open` | connections | sum of `tcpperf_open` | `rtt` | Now. |\n");
}

TEST_CASE("tables without probes have only their heading", "[docs]") {
  CHECK(signal_table({}) == "| Signal | Unit | Made of | Probe | Meaning |\n| --- | --- | --- | --- | --- |\n");
}

TEST_CASE("a cell stays one cell on one line", "[docs]") {
  MarkdownTable table({"A", "B"});
  table.add({"a|b\nc", ""});
  CHECK(table.text() == "| A | B |\n| --- | --- |\n| a\\|b c | |\n");
  CHECK(markdown_code("x") == "`x`");
  CHECK(markdown_code("").empty());
}

#include "adapters/exposition/families.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/exposition/page.h"
#include "catch.h"

using namespace tcpperf;
using adapters::exposition::encode_page;
using adapters::exposition::Format;
using adapters::exposition::to_metric_family;

namespace {

core::LabelValues values(std::vector<std::string> texts) {
  return std::make_shared<const std::vector<std::string>>(std::move(texts));
}

const core::MetricSpec resets_spec{.name = "tcpperf_resets_total",
                                   .help = "Resets.",
                                   .kind = core::MetricKind::kCounter,
                                   .labels = {"direction", "reason"}};
const core::MetricSpec sockets_spec{
    .name = "tcpperf_sockets", .help = "Sockets.", .kind = core::MetricKind::kGauge, .labels = {}};
const core::MetricSpec rtt_spec{.name = "tcpperf_rtt_seconds",
                                .help = "Round trips.",
                                .kind = core::MetricKind::kHistogram,
                                .unit = core::Unit::kSeconds,
                                .labels = {"remote"},
                                .borders = {-2, 0}};

}  // namespace

TEST_CASE("counters and gauges keep name, help, labels and value", "[exposition]") {
  const auto resets = to_metric_family({&resets_spec, {{values({"in", ""}), 3.0}, {values({"out", "abort"}), 4.0}}}, 1);
  CHECK(resets.name == "tcpperf_resets_total");
  CHECK(resets.help == "Resets.");
  CHECK(resets.type == prometheus::MetricType::Counter);
  REQUIRE(resets.metric.size() == 2);
  CHECK(resets.metric[0].label == std::vector<prometheus::ClientMetric::Label>{{"direction", "in"}, {"reason", ""}});
  CHECK(resets.metric[0].counter.value == 3.0);
  CHECK(resets.metric[1].counter.value == 4.0);
  const auto sockets = to_metric_family({&sockets_spec, {{values({}), 17.0}}}, 1);
  CHECK(sockets.type == prometheus::MetricType::Gauge);
  CHECK(sockets.metric.at(0).label.empty());
  CHECK(sockets.metric[0].gauge.value == 17.0);
}

TEST_CASE("the labels of a group follow those of the metric", "[exposition]") {
  const auto resets =
      to_metric_family({&resets_spec, {{values({"in", "abort", "443", "other"}), 3.0}}, {"service_port", "role"}}, 1);
  const auto sockets = to_metric_family({&sockets_spec, {{values({"client"}), 17.0}}, {"role"}}, 1);
  CHECK(resets.metric.at(0).label ==
        std::vector<prometheus::ClientMetric::Label>{
            {"direction", "in"}, {"reason", "abort"}, {"service_port", "443"}, {"role", "other"}});
  CHECK(sockets.metric.at(0).label == std::vector<prometheus::ClientMetric::Label>{{"role", "client"}});
}

TEST_CASE("a metric without series is on no page", "[exposition]") {
  core::Snapshot snapshot;
  snapshot.families.push_back({&resets_spec, {}});
  CHECK(encode_page(snapshot, Format::kText, {1}).empty());
  CHECK(encode_page(snapshot, Format::kOpenMetrics, {1}) == "# EOF\n");
  CHECK(encode_page(snapshot, Format::kProtobuf, {1}).empty());
}

TEST_CASE("a histogram gets cumulative buckets at the borders of its spec", "[exposition]") {
  core::Histogram histogram;
  histogram.zero_count = 1;
  histogram.first_index = -12;                                     // (2^-1.625, 2^-1.5]
  histogram.buckets = {2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 7};  // 5 in ..2^-1, 7 in (1, 2^(1/8)]
  histogram.sum = 12.5;
  const core::Family family{&rtt_spec, {{values({"10.0.0.0/8"}), histogram}}};

  const auto coarse = to_metric_family(family, 1);
  CHECK(coarse.type == prometheus::MetricType::Histogram);
  const auto& metric = coarse.metric.at(0).histogram;
  CHECK(metric.sample_count == 15);
  CHECK(metric.sample_sum == 12.5);
  REQUIRE(metric.bucket.size() == 3);
  CHECK(metric.bucket[0].upper_bound == 0.25);
  CHECK(metric.bucket[0].cumulative_count == 1);
  CHECK(metric.bucket[1].upper_bound == 0.5);
  CHECK(metric.bucket[1].cumulative_count == 8);
  CHECK(metric.bucket[2].upper_bound == 1.0);
  CHECK(metric.bucket[2].cumulative_count == 8);

  CHECK(to_metric_family(family, 2).metric[0].histogram.bucket.size() == 5);
  CHECK(to_metric_family(family, 2).metric[0].histogram.bucket[1].cumulative_count == 3);
  CHECK(to_metric_family(family, 8).metric[0].histogram.bucket.size() == 17);
}

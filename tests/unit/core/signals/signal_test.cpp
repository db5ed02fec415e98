// Signals computed from two readings.
#include "core/signals/signal.h"

#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"

using namespace std::chrono_literals;
using tcpperf::core::evaluate;
using tcpperf::core::Family;
using tcpperf::core::Histogram;
using tcpperf::core::LabelValues;
using tcpperf::core::MetricKind;
using tcpperf::core::MetricSpec;
using tcpperf::core::NoValue;
using tcpperf::core::SeriesSelector;
using tcpperf::core::SignalKind;
using tcpperf::core::SignalSpec;
using tcpperf::core::SignalValue;
using tcpperf::core::Snapshot;
using tcpperf::core::Unit;

namespace {

const MetricSpec drops_spec{"drops_total", "", MetricKind::kCounter, Unit::kPackets, {"reason", "side"}};
const MetricSpec segments_spec{"segments_total", "", MetricKind::kCounter, Unit::kSegments, {"direction"}};
const MetricSpec rtt_spec{"rtt_seconds", "", MetricKind::kHistogram, Unit::kSeconds, {"group"}};
const MetricSpec connections_spec{"connections", "", MetricKind::kGauge, Unit::kConnections, {"state"}};

LabelValues labels(std::vector<std::string> values) {
  return std::make_shared<const std::vector<std::string>>(std::move(values));
}

template <typename Value>
Family family(const MetricSpec& spec, std::vector<std::pair<std::vector<std::string>, Value>> series) {
  Family result;
  result.spec = &spec;
  for (auto& [values, value] : series) {
    result.series.push_back({labels(values), value});
  }
  return result;
}

using Counters = std::vector<std::pair<std::vector<std::string>, double>>;
using Histograms = std::vector<std::pair<std::vector<std::string>, Histogram>>;

Snapshot snapshot(std::chrono::nanoseconds time, std::vector<Family> families) {
  return {time, std::move(families)};
}

Histogram histogram(std::int32_t first, std::vector<std::uint64_t> buckets) {
  Histogram h;
  h.first_index = first;
  h.buckets = std::move(buckets);
  return h;
}

SignalSpec rate_of(SeriesSelector selector) {
  SignalSpec spec;
  spec.name = "x";
  spec.kind = SignalKind::kRate;
  spec.unit = Unit::kPackets;
  spec.numerator = std::move(selector);
  return spec;
}

SignalSpec quantile_of(double q, SeriesSelector selector) {
  SignalSpec spec;
  spec.name = "x";
  spec.kind = SignalKind::kQuantile;
  spec.unit = Unit::kSeconds;
  spec.q = q;
  spec.numerator = std::move(selector);
  return spec;
}

SignalSpec ratio_of(SeriesSelector numerator, SeriesSelector denominator) {
  SignalSpec spec;
  spec.name = "x";
  spec.kind = SignalKind::kRatio;
  spec.unit = Unit::kRatio;
  spec.numerator = std::move(numerator);
  spec.denominator = std::move(denominator);
  return spec;
}

SignalSpec gauge_of(SeriesSelector selector) {
  SignalSpec spec;
  spec.name = "x";
  spec.kind = SignalKind::kGauge;
  spec.unit = Unit::kConnections;
  spec.numerator = std::move(selector);
  return spec;
}

// The rate of all drops over 10 s between the two lists of series.
SignalValue drop_rate(const Counters& older, const Counters& newer, SeriesSelector selector = {"drops_total", {}}) {
  return evaluate(rate_of(std::move(selector)), snapshot(20s, {family(drops_spec, newer)}),
                  snapshot(10s, {family(drops_spec, older)}));
}

}  // namespace

TEST_CASE("a rate is the increase per second between the readings", "[signals]") {
  const SignalValue value = drop_rate({{{"a", "in"}, 100}, {{"b", "in"}, 7}}, {{{"a", "in"}, 130}, {{"b", "in"}, 12}});
  CHECK(value.value == 3.5);
  CHECK(value.samples == 35);
  CHECK(value.sampled);
  CHECK(value.unit == Unit::kNone);
}

TEST_CASE("a rate uses the time that really passed, fractions of a second included", "[signals]") {
  const SignalValue value =
      evaluate(rate_of({"drops_total", {}}), snapshot(1500ms, {family(drops_spec, Counters{{{"a", "in"}, 6}})}),
               snapshot(1250ms, {family(drops_spec, Counters{{{"a", "in"}, 5}})}));
  CHECK(value.value == 4.0);
}

TEST_CASE("nothing gained is a rate of 0 on no samples", "[signals]") {
  const SignalValue value = drop_rate({{{"a", "in"}, 5}}, {{{"a", "in"}, 5}});
  CHECK(value.value == 0.0);
  CHECK(value.samples == 0);
}

TEST_CASE("a total that went back was reset: what it has now was gained", "[signals]") {
  const SignalValue value = drop_rate({{{"a", "in"}, 100}, {{"b", "in"}, 50}}, {{{"a", "in"}, 4}, {{"b", "in"}, 56}});
  CHECK(value.value == 6.0);
  CHECK(value.samples == 60);
}

TEST_CASE("a series the older reading does not have counts from 0", "[signals]") {
  CHECK(drop_rate({}, {{{"a", "in"}, 30}}).value == 3.0);
  CHECK(drop_rate({{{"a", "in"}, 5}}, {{{"a", "in"}, 5}, {{"b", "in"}, 10}}).value == 1.0);
}

TEST_CASE("a group that was given back does not count its past again", "[signals]") {
  // b had 10 when it was given back: they are in other, which gained 3 of its own, while a gained 2.
  const SignalValue value =
      drop_rate({{{"a", "in"}, 5}, {{"b", "in"}, 10}, {{"other", "in"}, 1}}, {{{"a", "in"}, 7}, {{"other", "in"}, 14}});
  CHECK(value.value == 0.5);
  CHECK(value.samples == 5);
}

TEST_CASE("a histogram of a group that was given back does not count its past again", "[signals]") {
  const Snapshot older =
      snapshot(10s, {family(rtt_spec, Histograms{{{"lan"}, histogram(8, {50})}, {{"other"}, histogram(80, {5})}})});
  const Snapshot newer = snapshot(20s, {family(rtt_spec, Histograms{{{"other"}, [] {
                                                                       Histogram all = histogram(8, {50});
                                                                       all.buckets.resize(73);
                                                                       all.buckets.back() = 7;
                                                                       return all;
                                                                     }()}})});
  const SignalValue value = evaluate(quantile_of(0, {"rtt_seconds", {}}), newer, older);
  CHECK(value.samples == 2);
  CHECK(value.value.value() > 900);
}

TEST_CASE("the order of series does not matter", "[signals]") {
  const Counters older{{{"a", "in"}, 1}, {{"a", "out"}, 1000}, {{"b", "in"}, 50}};
  const Counters newer{{{"b", "in"}, 60}, {{"c", "in"}, 0}, {{"a", "out"}, 1010}, {{"a", "in"}, 11}};
  CHECK(drop_rate(older, newer).samples == 30);
}

TEST_CASE("a selector does not see the labels of groups", "[signals]") {
  const auto reading = [](std::chrono::seconds time, double first, double second) {
    Family drops = family(drops_spec, Counters{{{"a", "in", "nginx"}, first}, {{"a", "in", "curl"}, second}});
    drops.group_labels = {"process"};
    return snapshot(time, {drops});
  };
  const Snapshot older = reading(10s, 0, 0);
  const Snapshot newer = reading(20s, 10, 20);
  CHECK(evaluate(rate_of({"drops_total", {{"side", "in"}}}), newer, older).samples == 30);
  CHECK(evaluate(rate_of({"drops_total", {{"process", "nginx"}}}), newer, older).samples == 0);
  CHECK(evaluate(rate_of({"drops_total", {{"process", "nginx", true}}}), newer, older).samples == 30);
  CHECK(evaluate(rate_of({"drops_total", {{"process", ""}}}), newer, older).samples == 30);
}

TEST_CASE("a selector takes the series whose labels have the values", "[signals]") {
  const Counters older{{{"a", "in"}, 0}, {{"a", "out"}, 0}, {{"b", "in"}, 0}, {{"b", "out"}, 0}};
  const Counters newer{{{"a", "in"}, 10}, {{"a", "out"}, 200}, {{"b", "in"}, 3000}, {{"b", "out"}, 40000}};
  CHECK(drop_rate(older, newer, {"drops_total", {{"side", "in"}}}).samples == 3010);
  CHECK(drop_rate(older, newer, {"drops_total", {{"reason", "a"}, {"side", "out"}}}).samples == 200);
  CHECK(drop_rate(older, newer, {"drops_total", {{"reason", "a", true}}}).samples == 43000);
  CHECK(drop_rate(older, newer, {"drops_total", {{"reason", "a", true}, {"side", "in"}}}).samples == 3000);
  CHECK(drop_rate(older, newer, {"drops_total", {{"reason", "none"}}}).value == 0.0);
}

TEST_CASE("a label that the metric does not have is empty", "[signals]") {
  const Counters older{{{"a", "in"}, 0}};
  const Counters newer{{{"a", "in"}, 10}};
  CHECK(drop_rate(older, newer, {"drops_total", {{"zone", "x"}}}).samples == 0);
  CHECK(drop_rate(older, newer, {"drops_total", {{"zone", "x", true}}}).samples == 10);
  CHECK(drop_rate(older, newer, {"drops_total", {{"zone", ""}}}).samples == 10);
}

TEST_CASE("a metric that is missing in either reading gives no value", "[signals]") {
  const Snapshot with = snapshot(10s, {family(drops_spec, Counters{{{"a", "in"}, 5}})});
  const Snapshot later_without = snapshot(20s, {});
  const SignalValue gone = evaluate(rate_of({"drops_total", {}}), later_without, with);
  CHECK_FALSE(gone.value.has_value());
  CHECK(gone.reason == NoValue::kNoMetric);
  CHECK(gone.samples == 0);

  // It may have counted for days before the first reading that has it.
  const SignalValue fresh = evaluate(rate_of({"drops_total", {}}), with, snapshot(0s, {}));
  CHECK_FALSE(fresh.value.has_value());
  CHECK(fresh.reason == NoValue::kNoMetric);
}

TEST_CASE("no time between the readings gives no value", "[signals]") {
  const Snapshot reading = snapshot(10s, {family(drops_spec, Counters{{{"a", "in"}, 5}})});
  const SignalValue value = evaluate(rate_of({"drops_total", {}}), reading, reading);
  CHECK_FALSE(value.value.has_value());
  CHECK(value.reason == NoValue::kNoHistory);
}

TEST_CASE("a counter signal on a histogram, and the other way round, gives no value", "[signals]") {
  const std::vector<Family> families{family(drops_spec, Counters{{{"a", "in"}, 5}}),
                                     family(rtt_spec, Histograms{{{"all"}, histogram(0, {1})}})};
  const Snapshot older = snapshot(10s, families);
  const Snapshot newer = snapshot(20s, families);
  CHECK_FALSE(evaluate(rate_of({"rtt_seconds", {}}), newer, older).value.has_value());
  CHECK_FALSE(evaluate(quantile_of(0.5, {"drops_total", {}}), newer, older).value.has_value());
}

TEST_CASE("a quantile is of what all matching series observed in between", "[signals]") {
  const Snapshot older = snapshot(10s, {family(rtt_spec, Histograms{{{"lan"}, histogram(0, {100})},
                                                                    {{"wan"}, histogram(80, {5})},
                                                                    {{"other"}, histogram(200, {1})}})});
  const Snapshot newer = snapshot(20s, {family(rtt_spec, Histograms{{{"lan"}, histogram(0, {104})},
                                                                    {{"wan"}, histogram(80, {9, 0, 1})},
                                                                    {{"other"}, histogram(200, {900})}})});
  const SeriesSelector known{"rtt_seconds", {{"group", "other", true}}};
  const SignalValue median = evaluate(quantile_of(0.5, known), newer, older);
  CHECK(median.samples == 9);
  CHECK(median.value.value() > 939);  // rank 4.5 of {1 x 4, 939..1024 x 4, 1218}
  CHECK(median.value.value() <= 1024);
  CHECK(median.unit == Unit::kSeconds);
  CHECK(evaluate(quantile_of(0.25, known), newer, older).value.value() <= 1);
  CHECK(evaluate(quantile_of(1, known), newer, older).value.value() == Approx(1217.748));
  CHECK(evaluate(quantile_of(0.5, {"rtt_seconds", {}}), newer, older).samples == 908);
}

TEST_CASE("a histogram that was reset counts what it has now", "[signals]") {
  const SignalValue value = evaluate(quantile_of(1, {"rtt_seconds", {}}),
                                     snapshot(20s, {family(rtt_spec, Histograms{{{"lan"}, histogram(8, {3})}})}),
                                     snapshot(10s, {family(rtt_spec, Histograms{{{"lan"}, histogram(8, {50})}})}));
  CHECK(value.samples == 3);
  CHECK(value.value.value() == Approx(2.0));
}

TEST_CASE("a quantile of nothing has no value", "[signals]") {
  const std::vector<Family> families{family(rtt_spec, Histograms{{{"lan"}, histogram(8, {50})}})};
  const SignalValue value =
      evaluate(quantile_of(0.5, {"rtt_seconds", {}}), snapshot(20s, families), snapshot(10s, families));
  CHECK_FALSE(value.value.has_value());
  CHECK(value.reason == NoValue::kNoObservations);
  CHECK(value.samples == 0);
}

TEST_CASE("a ratio is increase by increase and stands on the denominator", "[signals]") {
  const auto reading = [](std::chrono::seconds time, double drops, double in, double out) {
    return snapshot(time, {family(drops_spec, Counters{{{"a", "in"}, drops}}),
                           family(segments_spec, Counters{{{"in"}, in}, {{"out"}, out}})});
  };
  const SignalSpec spec = ratio_of({"drops_total", {}}, {"segments_total", {{"direction", "in"}}});
  const SignalValue value = evaluate(spec, reading(20s, 13, 400, 99999), reading(10s, 10, 250, 0));
  CHECK(value.value == 0.02);
  CHECK(value.samples == 150);
  CHECK(value.unit == Unit::kRatio);

  const SignalValue idle = evaluate(spec, reading(20s, 13, 250, 99999), reading(10s, 10, 250, 0));
  CHECK_FALSE(idle.value.has_value());
  CHECK(idle.reason == NoValue::kNoObservations);
}

TEST_CASE("a share is 1 when nothing but its part happened", "[signals]") {
  const auto reading = [](std::chrono::seconds time, double failures, double successes) {
    return snapshot(time, {family(drops_spec, Counters{{{"a", "in"}, failures}}),
                           family(segments_spec, Counters{{{"in"}, successes}})});
  };
  SignalSpec spec = ratio_of({"drops_total", {}}, {"segments_total", {}});
  spec.kind = SignalKind::kShare;
  const SignalValue mixed = evaluate(spec, reading(20s, 13, 17), reading(10s, 10, 0));
  CHECK(mixed.value == 0.15);
  CHECK(mixed.samples == 20);
  CHECK(evaluate(spec, reading(20s, 13, 17), reading(10s, 10, 17)).value == 1.0);
  CHECK(evaluate(spec, reading(20s, 13, 17), reading(10s, 13, 17)).reason == NoValue::kNoObservations);
}

TEST_CASE("a ratio needs both metrics", "[signals]") {
  const std::vector<Family> drops{family(drops_spec, Counters{{{"a", "in"}, 5}})};
  const std::vector<Family> segments{family(segments_spec, Counters{{{"in"}, 5}})};
  const SignalSpec spec = ratio_of({"drops_total", {}}, {"segments_total", {}});
  CHECK(evaluate(spec, snapshot(20s, drops), snapshot(10s, drops)).reason == NoValue::kNoMetric);
  CHECK(evaluate(spec, snapshot(20s, segments), snapshot(10s, segments)).reason == NoValue::kNoMetric);
}

TEST_CASE("a gauge is the sum now, needs no past and stands on no samples", "[signals]") {
  const Snapshot now = snapshot(20s, {family(connections_spec, Counters{{{"established"}, 40}, {{"time_wait"}, 2}})});
  const SignalValue all = evaluate(gauge_of({"connections", {}}), now, now);
  CHECK(all.value == 42.0);
  CHECK_FALSE(all.sampled);
  CHECK(all.unit == Unit::kConnections);
  CHECK(evaluate(gauge_of({"connections", {{"state", "time_wait"}}}), now, now).value == 2.0);
  CHECK(evaluate(gauge_of({"connections", {{"state", "closing"}}}), now, now).value == 0.0);
  CHECK(evaluate(gauge_of({"connections", {}}), now, snapshot(10s, {})).value == 42.0);

  const SignalValue missing = evaluate(gauge_of({"nothing", {}}), now, now);
  CHECK_FALSE(missing.value.has_value());
  CHECK_FALSE(missing.sampled);
}

TEST_CASE("a gauge of the greatest is the greatest series, and never a sum", "[signals]") {
  MetricSpec spec = connections_spec;
  spec.greatest = true;
  const Family highest = family(spec, Counters{{{"a"}, 3}, {{"b"}, 8}, {{"c"}, 5}});
  const Snapshot now = snapshot(10s, {highest});
  CHECK(evaluate(gauge_of({"connections", {}}), now, now).value == 8);
  CHECK(evaluate(gauge_of({"connections", {{"state", "b", true}}}), now, now).value == 5);
  CHECK(evaluate(gauge_of({"connections", {{"state", "x"}}}), now, now).value == 0);
}

TEST_CASE("a rate of a sum is what a histogram's sum gained per second", "[signals]") {
  SignalSpec spec = rate_of({"rtt_seconds", {}});
  spec.kind = SignalKind::kSumRate;
  spec.unit = Unit::kSeconds;
  Histogram first = histogram(3, {4});
  first.sum = 6;
  Histogram second = histogram(3, {9});
  second.sum = 21;
  const Snapshot before = snapshot(10s, {family(rtt_spec, Histograms{{{"g"}, first}})});
  const Snapshot after = snapshot(20s, {family(rtt_spec, Histograms{{{"g"}, second}})});
  const SignalValue value = evaluate(spec, after, before);
  CHECK(value.value == 1.5);
  CHECK(value.samples == 5);
  CHECK(value.unit == Unit::kNone);
  // Nothing gained is a rate of nothing, not unknown.
  CHECK(evaluate(spec, snapshot(30s, after.families), after).value == 0);
  CHECK_FALSE(evaluate(spec, snapshot(30s, {}), after).value);
}

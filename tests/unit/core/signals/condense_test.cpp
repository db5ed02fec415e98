// What is remembered of a reading for signals.
#include "core/signals/condense.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "core/signals/signal.h"

namespace {

using namespace tcpperf::core;
using namespace std::chrono_literals;

const MetricSpec kDrops{"drops_total", "", MetricKind::kCounter, Unit::kPackets, {"reason"}};
const MetricSpec kHighest{"highest", "", MetricKind::kGauge, Unit::kNone, {}, {}, true};
const MetricSpec kRtt{"rtt_seconds", "", MetricKind::kHistogram, Unit::kSeconds, {}};
const MetricSpec kOther{"other_total", "", MetricKind::kCounter, Unit::kNone, {}};

const SignalSpec kDropRate{
    .name = "drop_rate", .help = "", .kind = SignalKind::kRate, .numerator = {"drops_total", {{"reason", "full"}}}};
const SignalSpec kHighestNow{.name = "highest", .help = "", .kind = SignalKind::kGauge, .numerator = {"highest", {}}};
const SignalSpec kMedian{
    .name = "rtt_p50", .help = "", .kind = SignalKind::kQuantile, .q = 0.5, .numerator = {"rtt_seconds", {}}};
const std::vector<const SignalSpec*> kSignals = {&kDropRate, &kHighestNow, &kMedian};

LabelValues labels(std::vector<std::string> values) {
  return std::make_shared<const std::vector<std::string>>(std::move(values));
}

Histogram rtt(std::uint64_t count) {
  Histogram histogram;
  histogram.first_index = -80;
  histogram.buckets = {count};
  return histogram;
}

// Three groups by port; `factor` times as much of everything.
Snapshot reading(std::chrono::seconds when, double factor) {
  Snapshot snapshot;
  snapshot.monotonic = when;
  Family drops{&kDrops, {}, {"port"}};
  Family highest{&kHighest, {}, {"port"}};
  Family rtts{&kRtt, {}, {"port"}};
  double amount = 1;
  for (const char* port : {"80", "443", "other"}) {
    drops.series.push_back({labels({"full", port}), amount * factor});
    drops.series.push_back({labels({"closed", port}), 1000 * factor});
    highest.series.push_back({labels({port}), amount * factor});
    rtts.series.push_back({labels({port}), rtt(static_cast<std::uint64_t>(amount * factor))});
    amount *= 10;
  }
  snapshot.families = {drops, highest, rtts, Family{&kOther, {{labels({}), 7.0}}, {}}};
  return snapshot;
}

}  // namespace

TEST_CASE("of a reading, the metrics of signals are remembered, all groups as one", "[signal]") {
  const std::shared_ptr<const Snapshot> condensed = condense(reading(5s, 1), kSignals);
  CHECK(condensed->monotonic == 5s);
  CHECK(condensed->families.size() == 3);
  CHECK(condensed->find("other_total") == nullptr);
  const Family* const drops = condensed->find("drops_total");
  REQUIRE(drops->series.size() == 2);
  CHECK(drops->group_labels.empty());
  CHECK(*drops->series[0].labels == std::vector<std::string>{"full"});
  CHECK(std::get<double>(drops->series[0].value) == 111);
  CHECK(std::get<double>(drops->series[1].value) == 3000);
  CHECK(std::get<double>(condensed->find("highest")->series.at(0).value) == 100);
  CHECK(std::get<Histogram>(condensed->find("rtt_seconds")->series.at(0).value).count() == 111);
}

TEST_CASE("signals are the same with what is remembered as with the whole reading", "[signal]") {
  const Snapshot older = reading(5s, 1);
  const Snapshot newer = reading(10s, 3);
  const std::shared_ptr<const Snapshot> remembered = condense(older, kSignals);
  for (const SignalSpec* signal : kSignals) {
    INFO(signal->name);
    const SignalValue whole = evaluate(*signal, newer, older);
    const SignalValue from_remembered = evaluate(*signal, *condense(newer, kSignals), *remembered);
    REQUIRE(whole.value.has_value());
    CHECK(from_remembered.value == whole.value);
    CHECK(from_remembered.samples == whole.samples);
  }
}

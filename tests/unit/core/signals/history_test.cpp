// The past readings, and the signals of one tick.
#include "core/signals/history.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "catch.h"
#include "core/signals/reader.h"

using namespace std::chrono_literals;
using tcpperf::core::Family;
using tcpperf::core::History;
using tcpperf::core::MetricKind;
using tcpperf::core::MetricSpec;
using tcpperf::core::NoValue;
using tcpperf::core::ProbeDescriptor;
using tcpperf::core::SignalKind;
using tcpperf::core::SignalReader;
using tcpperf::core::SignalSpec;
using tcpperf::core::SignalValue;
using tcpperf::core::Snapshot;

namespace {

std::shared_ptr<const Snapshot> at(std::chrono::nanoseconds time) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->monotonic = time;
  return snapshot;
}

// The time of the reading found; -1 s for none.
std::chrono::nanoseconds found(const History& history, std::chrono::nanoseconds now, std::chrono::nanoseconds window) {
  const auto snapshot = history.find(now, window);
  return snapshot ? snapshot->monotonic : std::chrono::nanoseconds(-1s);
}

}  // namespace

TEST_CASE("an empty history finds nothing", "[signals]") {
  CHECK(History(60s).find(100s, 1s) == nullptr);
}

TEST_CASE("the newest reading that is old enough is found", "[signals]") {
  History history(60s);
  for (const auto time : {10s, 20s, 30s}) {
    history.add(at(time));
  }
  CHECK(found(history, 30s, 0s) == 30s);
  CHECK(found(history, 30s, 1ns) == 20s);
  CHECK(found(history, 30s, 10s) == 20s);
  CHECK(found(history, 30s, 10s + 1ns) == 10s);
  CHECK(found(history, 30s, 20s) == 10s);
  CHECK(history.find(30s, 20s + 1ns) == nullptr);
  CHECK(found(history, 31s, 21s) == 10s);
}

TEST_CASE("readings are kept as long as one answers for the longest window, and no longer", "[signals]") {
  History history(30s);
  for (auto time = 0s; time <= 300s; time += 10s) {
    history.add(at(time));
    if (time >= 30s) {
      REQUIRE(found(history, time, 30s) == time - 30s);
      REQUIRE(history.size() == 4);
    }
  }
}

TEST_CASE("a gap longer than the longest window leaves the reading before it", "[signals]") {
  History history(30s);
  history.add(at(0s));
  history.add(at(10s));
  history.add(at(1000s));
  CHECK(found(history, 1000s, 30s) == 10s);
  CHECK(history.size() == 2);
}

TEST_CASE("a reading that is not newer is ignored", "[signals]") {
  History history(30s);
  const auto first = at(10s);
  history.add(first);
  history.add(first);
  history.add(at(10s));
  history.add(at(5s));
  CHECK(history.size() == 1);
  CHECK(history.find(10s, 0s) == first);
}

TEST_CASE("the capacity bounds the readings, and long windows become only a little longer", "[signals]") {
  constexpr auto kHour = 3600s;
  History history(kHour);
  double worst = 0;
  for (auto now = 5s; now <= 4 * kHour; now += 5s) {
    history.add(at(now));
    REQUIRE(history.size() <= History::kDefaultCapacity);
    for (const auto window : {5s, 30s, 60s, 300s, 900s, 3600s}) {
      const auto snapshot = history.find(now, window);
      REQUIRE((snapshot != nullptr) == (now - window >= 5s));
      if (snapshot) {
        const std::chrono::duration<double> actual = now - snapshot->monotonic;
        worst = std::max(worst, actual / window - 1);
      }
    }
  }
  CAPTURE(worst);
  CHECK(worst > 0);  // the capacity was exceeded, so something had to be left out
  CHECK(worst < 0.2);
}

TEST_CASE("the longest window can change", "[signals]") {
  History history(60s);
  for (auto time = 0s; time <= 60s; time += 10s) {
    history.add(at(time));
  }
  history.set_longest_window(20s);
  history.add(at(70s));
  CHECK(history.size() == 3);
  CHECK(found(history, 70s, 20s) == 50s);
}

namespace {

const MetricSpec counter_spec{"things_total", "", MetricKind::kCounter, {}, {}};
const MetricSpec gauge_spec{"things", "", MetricKind::kGauge, {}, {}};

ProbeDescriptor probe() {
  SignalSpec rate;
  rate.name = "things_per_second";
  rate.kind = SignalKind::kRate;
  rate.numerator = {"things_total", {}};
  SignalSpec gauge;
  gauge.name = "things";
  gauge.kind = SignalKind::kGauge;
  gauge.numerator = {"things", {}};
  ProbeDescriptor descriptor;
  descriptor.signals = {rate, gauge};
  return descriptor;
}

std::shared_ptr<const Snapshot> reading(std::chrono::nanoseconds time, double value) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->monotonic = time;
  const auto labels = std::make_shared<const std::vector<std::string>>();
  snapshot->families = {Family{&counter_spec, {{labels, value}}}, Family{&gauge_spec, {{labels, value}}}};
  return snapshot;
}

}  // namespace

TEST_CASE("the signals of all probes are known by name, in order", "[signals]") {
  const ProbeDescriptor one = probe();
  const std::vector<const ProbeDescriptor*> probes{&one, &one};
  const auto signals = signals_of(probes);
  CHECK(names_of(signals) == std::vector<std::string>{"things_per_second", "things", "things_per_second", "things"});
}

TEST_CASE("a signal is read over the window asked for", "[signals]") {
  const ProbeDescriptor one = probe();
  const std::vector<const ProbeDescriptor*> probes{&one};
  const auto signals = signals_of(probes);
  History history(60s);
  history.add(reading(0s, 0));
  history.add(reading(50s, 50));
  const auto now = reading(60s, 100);
  history.add(now);
  SignalReader reader(signals, now, history);
  CHECK(reader.read("things_per_second", 10s).value == 5.0);
  CHECK(reader.read("things_per_second", 60s).value == Approx(100.0 / 60));
  CHECK(reader.read("things_per_second", 10s).value == 5.0);
  CHECK(reader.read("things", 10s).value == 100.0);
}

TEST_CASE("until the window has passed only gauges are read", "[signals]") {
  const ProbeDescriptor one = probe();
  const std::vector<const ProbeDescriptor*> probes{&one};
  const auto signals = signals_of(probes);
  History history(60s);
  history.add(reading(55s, 50));
  const auto now = reading(60s, 100);
  history.add(now);
  SignalReader reader(signals, now, history);
  const SignalValue rate = reader.read("things_per_second", 10s);
  CHECK_FALSE(rate.value.has_value());
  CHECK(rate.reason == NoValue::kNoHistory);
  CHECK(reader.read("things", 10s).value == 100.0);
}

TEST_CASE("an unknown signal has no value", "[signals]") {
  const History history(60s);
  SignalReader reader({}, reading(0s, 0), history);
  const SignalValue value = reader.read("nothing", 1s);
  CHECK_FALSE(value.value.has_value());
  CHECK(value.reason == NoValue::kNoMetric);
}

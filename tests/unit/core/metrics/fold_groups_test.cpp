// Folding the maps of a grouped probe into a snapshot.
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "abi/histogram.h"
#include "catch.h"
#include "core/metrics/fold.h"

namespace {

using namespace tcpperf::core;
using Values = std::vector<std::string>;

constexpr std::size_t kStride = 3;  // cells of one group; the last is nobody's

class Kernel final : public KernelNames {
 public:
  [[nodiscard]] std::vector<std::pair<std::string, std::uint32_t>> enumerators(
      std::string_view /*name*/) const override {
    return {};
  }
  [[nodiscard]] bool has_field(std::string_view /*type*/, std::string_view /*field*/) const override { return false; }
};

std::vector<Cell> roles(const KernelNames& /*kernel*/) {
  return {{0, {"client"}}, {1, {"server"}}};
}
std::vector<Cell> beyond(const KernelNames& /*kernel*/) {
  return {{0, {"in"}}, {kStride, {"out"}}};
}
std::vector<Cell> second(const KernelNames& /*kernel*/) {
  return {{1, {}}};
}
std::vector<Cell> states(const KernelNames& /*kernel*/) {
  return {{1, {"established"}}};
}

const ProbeDescriptor& probe() {
  static const ProbeDescriptor kProbe = [] {
    ProbeDescriptor p;
    p.name = "x";
    p.metrics = {
        {{"x_total", "", MetricKind::kCounter, Unit::kNone, {"role"}}, {SourceKind::kCounters, "c", roles}},
        {{"y_total", "", MetricKind::kCounter, Unit::kNone, {}}, {SourceKind::kCounters, "c", second}},
        {{"z_total", "", MetricKind::kCounter, Unit::kNone, {"side"}}, {SourceKind::kCounters, "c", beyond}},
        {{"x_bytes", "", MetricKind::kHistogram, Unit::kBytes, {}}, {SourceKind::kHistograms, "h", second}},
        {{"x_highest", "", MetricKind::kGauge, Unit::kRatio, {"role"}, {}, true}, {SourceKind::kCounters, "c", roles}},
        {{"x_sockets", "", MetricKind::kGauge, Unit::kNone, {"state"}}, {SourceKind::kTcpStates, "", states}},
    };
    return p;
  }();
  return kProbe;
}

struct Maps final : MapReader {
  std::uint64_t knob_bits = 0;
  std::vector<std::uint64_t> values = std::vector<std::uint64_t>(kStride * 4);
  std::vector<tcpperf_histogram> elements = std::vector<tcpperf_histogram>(kStride * 4);
  std::optional<TcpStateCounts> sockets = TcpStateCounts{};
  std::uint32_t stride{kStride};

  [[nodiscard]] std::span<const std::uint64_t> counters(std::string_view /*map*/) const override { return values; }
  [[nodiscard]] std::span<const tcpperf_histogram> histograms(std::string_view /*map*/) const override {
    return elements;
  }
  [[nodiscard]] std::uint32_t cells_per_group(std::string_view /*map*/) const override { return stride; }
  [[nodiscard]] const std::optional<TcpStateCounts>& tcp_states() const override { return sockets; }
  [[nodiscard]] std::uint64_t knob(std::string_view symbol) const override {
    return symbol == "cfg_x_bits" ? knob_bits : 0;
  }
};

const GroupSet& by_port() {
  static const GroupSet kSet{{Dimension::kServicePort}, {{{"443"}, {1}}, {{"80"}, {3}}, {{"other"}, {0}}}};
  return kSet;
}

const GroupSet& by_port_and_role() {
  static const GroupSet kSet{{Dimension::kServicePort, Dimension::kRole},
                             {{{"443", "client"}, {1}}, {{"443", "server"}, {2}}, {{"other", "other"}, {0}}}};
  return kSet;
}

struct Fixture {
  const ProbeDescriptor* table[1] = {&probe()};
  Folder folder{table, Kernel()};
  Maps maps;

  Snapshot fold(const GroupSet& groups) {
    Snapshot snapshot;
    folder.fold(probe(), maps, groups, snapshot);
    return snapshot;
  }
};

// Of a metric, a histogram's value being its sum, as "labels joined by blanks" and value.
std::vector<std::pair<std::string, double>> series_of(const Snapshot& snapshot, std::string_view metric) {
  std::vector<std::pair<std::string, double>> result;
  if (const Family* family = snapshot.find(metric)) {
    for (const Series& series : family->series) {
      std::string labels;
      for (const std::string& value : *series.labels) {
        labels += (labels.empty() ? "" : " ") + value;
      }
      const auto* histogram = std::get_if<Histogram>(&series.value);
      result.emplace_back(labels, histogram != nullptr ? histogram->sum : std::get<double>(series.value));
    }
  }
  return result;
}

using Expected = std::vector<std::pair<std::string, double>>;

void observe(tcpperf_histogram& histogram, std::uint64_t value) {
  histogram.bucket[tcpperf_histogram_index(value)] += 1;
  histogram.sum += value;
}

}  // namespace

TEST_CASE("each group's series come from the cells of its slot", "[fold]") {
  Fixture f;
  f.maps.values = {1, 2, 99, 10, 20, 99, 1000, 2000, 99, 100, 200, 99};
  const Snapshot snapshot = f.fold(by_port());
  CHECK(snapshot.find("x_total")->group_labels == std::vector<std::string_view>{"service_port"});
  CHECK(series_of(snapshot, "x_total") == Expected{{"client 443", 10},
                                                   {"server 443", 20},
                                                   {"client 80", 100},
                                                   {"server 80", 200},
                                                   {"client other", 1},
                                                   {"server other", 2}});
  CHECK(series_of(snapshot, "y_total") == Expected{{"443", 20}, {"80", 200}, {"other", 2}});
}

TEST_CASE("slots that are one series show the greatest of what is a greatest, and the sum of the rest", "[fold]") {
  Fixture f;
  constexpr std::uint64_t kOne = 1U << 20U;  // of a ratio
  f.maps.values = {0, 0, 99, 2 * kOne, kOne, 99, kOne / 2, 3 * kOne, 99, 0, 0, 99};
  const GroupSet alike{{Dimension::kServicePort}, {{{"443"}, {1, 2}}, {{"other"}, {0}}}};
  const Snapshot snapshot = f.fold(alike);
  CHECK(series_of(snapshot, "x_highest") ==
        Expected{{"client 443", 2}, {"server 443", 3}, {"client other", 0}, {"server other", 0}});
  CHECK(series_of(snapshot, "y_total") == Expected{{"443", 4.0 * kOne}, {"other", 0}});
}

TEST_CASE("of other every series is shown, of a group only what is not zero", "[fold]") {
  Fixture f;
  f.maps.values[kStride + 1] = 7;
  observe(f.maps.elements[3 * kStride + 1], 4);
  const Snapshot snapshot = f.fold(by_port());
  CHECK(series_of(snapshot, "x_total") == Expected{{"server 443", 7}, {"client other", 0}, {"server other", 0}});
  CHECK(series_of(snapshot, "x_bytes") == Expected{{"80", 4}, {"other", 0}});
}

TEST_CASE("an observation of 0 is not zero", "[fold]") {
  Fixture f;
  f.maps.elements[kStride + 1].zero = 1;
  CHECK(series_of(f.fold(by_port()), "x_bytes") == Expected{{"443", 0}, {"other", 0}});
}

TEST_CASE("a group's label with the name of a metric's own is left out of it and its groups are added", "[fold]") {
  Fixture f;
  f.maps.values = {1, 2, 99, 10, 20, 99, 1000, 2000, 99, 0, 0, 0};
  const Snapshot snapshot = f.fold(by_port_and_role());
  CHECK(snapshot.find("x_total")->group_labels == std::vector<std::string_view>{"service_port"});
  CHECK(series_of(snapshot, "x_total") ==
        Expected{{"client 443", 1010}, {"server 443", 2020}, {"client other", 1}, {"server other", 2}});
  CHECK(snapshot.find("y_total")->group_labels == std::vector<std::string_view>{"service_port", "role"});
  CHECK(series_of(snapshot, "y_total") == Expected{{"443 client", 20}, {"443 server", 2000}, {"other other", 2}});
}

TEST_CASE("without a label left, all groups are one series, zeros included", "[fold]") {
  Fixture f;
  f.maps.values = {1, 0, 99, 10, 0, 99, 100, 0, 99, 5000, 0, 0};
  const GroupSet by_role{{Dimension::kRole}, {{{"client"}, {1}}, {{"other"}, {0}}, {{"server"}, {2}}}};
  const Snapshot snapshot = f.fold(by_role);
  CHECK(snapshot.find("x_total")->group_labels.empty());
  CHECK(series_of(snapshot, "x_total") == Expected{{"client", 111}, {"server", 0}});
}

TEST_CASE("several slots of one group are added", "[fold]") {
  Fixture f;
  f.maps.values[0] = 1;
  f.maps.values[kStride] = 10;
  f.maps.values[3 * kStride] = 100;
  observe(f.maps.elements[kStride + 1], 4);
  observe(f.maps.elements[3 * kStride + 1], 64);
  const GroupSet groups{{Dimension::kCgroup}, {{{"other"}, {0}}, {{"unknown"}, {1, 3}}}};
  const Snapshot snapshot = f.fold(groups);
  CHECK(series_of(snapshot, "x_total") == Expected{{"client other", 1}, {"server other", 0}, {"client unknown", 110}});
  const auto& histogram = std::get<Histogram>(snapshot.find("x_bytes")->series.at(1).value);
  CHECK(histogram.sum == 68);
  CHECK(histogram.count() == 2);
}

TEST_CASE("no series is there twice, whatever the groups", "[fold]") {
  Fixture f;
  f.maps.values.assign(f.maps.values.size(), 5);
  for (const GroupSet* groups : {&not_grouped(), &by_port(), &by_port_and_role()}) {
    for (const Snapshot snapshot = f.fold(*groups); const Family& family : snapshot.families) {
      std::set<Values> labels;
      for (const Series& series : family.series) {
        CHECK(labels.insert(*series.labels).second);
        CHECK(series.labels->size() == family.spec->labels.size() + family.group_labels.size());
      }
    }
  }
}

TEST_CASE("sockets by state are never grouped", "[fold]") {
  Fixture f;
  (*f.maps.sockets)[1] = 42;
  const Snapshot snapshot = f.fold(by_port());
  CHECK(snapshot.find("x_sockets")->group_labels.empty());
  CHECK(series_of(snapshot, "x_sockets") == Expected{{"established", 42}});
}

TEST_CASE("a probe that is not grouped has its cells at slot 0, however many the map has", "[fold]") {
  Fixture f;
  f.maps.values[1] = 2;
  f.maps.stride = 0;
  const Snapshot snapshot = f.fold(not_grouped());
  CHECK(snapshot.find("x_total")->group_labels.empty());
  CHECK(series_of(snapshot, "x_total") == Expected{{"client", 0}, {"server", 2}});
  CHECK(series_of(snapshot, "z_total") == Expected{{"in", 0}, {"out", 0}});
}

TEST_CASE("a cell beyond those of a group is not the next group's", "[fold]") {
  Fixture f;
  f.maps.values.assign(f.maps.values.size(), 5);
  CHECK(series_of(f.fold(by_port()), "z_total") == Expected{{"in 443", 5}, {"in 80", 5}, {"in other", 5}});
}

TEST_CASE("a slot that the map does not have gives no series", "[fold]") {
  Fixture f;
  f.maps.values.assign(2 * kStride, 5);
  CHECK(series_of(f.fold(by_port()), "y_total") == Expected{{"443", 5}, {"other", 5}});
}

TEST_CASE("a grouped metric is left out when its cells per group are not known", "[fold]") {
  Fixture f;
  f.maps.stride = 0;
  const GroupSet only_other{{Dimension::kServicePort}, {{{"other"}, {0}}}};
  CHECK(f.fold(by_port()).find("x_total") == nullptr);
  CHECK(f.fold(only_other).find("x_total") == nullptr);
}

TEST_CASE("groups may change from one reading to the next, and labels stay the same objects", "[fold]") {
  Fixture f;
  f.maps.values.assign(f.maps.values.size(), 5);
  const Snapshot before = f.fold(by_port());
  CHECK(series_of(f.fold(not_grouped()), "y_total") == Expected{{"", 5}});
  CHECK(series_of(f.fold(by_port_and_role()), "y_total") ==
        Expected{{"443 client", 5}, {"443 server", 5}, {"other other", 5}});
  const Snapshot again = f.fold(by_port());
  CHECK(series_of(again, "y_total") == series_of(before, "y_total"));

  const GroupSet fewer{{Dimension::kServicePort}, {{{"443"}, {2}}, {{"other"}, {0}}}};
  const Snapshot after = f.fold(fewer);
  CHECK(series_of(after, "y_total") == Expected{{"443", 5}, {"other", 5}});
  CHECK(after.find("y_total")->series[0].labels == again.find("y_total")->series[0].labels);
}

TEST_CASE("sums are extended slot by slot", "[fold]") {
  Fixture f;
  tcpperf_histogram& https = f.maps.elements[kStride + 1];
  https.bucket[100] = 1;
  https.sum = UINT64_MAX - 9;
  f.maps.elements[1].sum = 5;
  f.maps.elements[1].bucket[10] = 1;
  f.fold(by_port());
  https.sum = 20;
  CHECK(series_of(f.fold(by_port()), "x_bytes") == Expected{{"443", 0x1p64 + 20}, {"other", 5}});
}

TEST_CASE("a slot that was given back counts from 0 again, and other goes on with its past", "[fold]") {
  Fixture f;
  tcpperf_histogram& https = f.maps.elements[kStride + 1];
  tcpperf_histogram& other = f.maps.elements[1];
  https.bucket[100] = 1;
  https.sum = UINT64_MAX;
  f.fold(by_port());
  https.sum = 4096;  // 2^64 + 4096
  f.fold(by_port());

  other.sum += https.sum;
  other.bucket[100] = 1;
  https = {};
  f.folder.forget(probe(), 1);
  observe(https, 7);
  CHECK(series_of(f.fold(by_port()), "x_bytes") == Expected{{"443", 7}, {"other", 0x1p64 + 4096}});
  CHECK(series_of(f.fold(by_port()), "x_bytes") == Expected{{"443", 7}, {"other", 0x1p64 + 4096}});
}

TEST_CASE("a slot that was never read can be given back", "[fold]") {
  Fixture f;
  f.folder.forget(probe(), 1023);
  f.fold(by_port());
  f.folder.forget(probe(), 2);
  CHECK(series_of(f.fold(by_port()), "x_bytes") == Expected{{"other", 0}});
}

TEST_CASE("empty maps begin at 0 again", "[fold]") {
  Fixture f;
  f.maps.elements[1].sum = 1000;
  f.maps.elements[1].bucket[80] = 1;
  f.fold(not_grouped());
  f.maps.elements[1] = {};
  f.folder.restart(probe());
  CHECK(series_of(f.fold(not_grouped()), "x_bytes") == Expected{{"", 0}});
}

TEST_CASE("a probe that the folder does not know gives nothing", "[fold]") {
  Fixture f;
  ProbeDescriptor stranger;
  stranger.name = "stranger";
  f.folder.forget(stranger, 1);
  f.folder.restart(stranger);
  Snapshot snapshot;
  f.folder.fold(stranger, f.maps, by_port(), snapshot);
  CHECK(snapshot.families.empty());
}

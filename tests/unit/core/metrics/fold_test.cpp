// Folding map contents into a snapshot.
#include "core/metrics/fold.h"

#include <memory>
#include <vector>

#include "abi/histogram.h"
#include "catch.h"

namespace {

using namespace tcpperf::core;

class Kernel final : public KernelNames {
 public:
  [[nodiscard]] std::vector<std::pair<std::string, std::uint32_t>> enumerators(
      std::string_view /*name*/) const override {
    return {{"A", 1}, {"B", 3}};
  }
  [[nodiscard]] bool has_field(std::string_view /*type*/, std::string_view /*field*/) const override { return false; }
};

std::vector<Cell> named_by_kernel(const KernelNames& kernel) {
  std::vector<Cell> cells;
  for (const auto& [name, value] : kernel.enumerators("e")) {
    cells.push_back({value, {name}});
  }
  return cells;
}
std::vector<Cell> second(const KernelNames& /*kernel*/) {
  return {{1, {}}};
}
std::vector<Cell> listeners(const KernelNames& /*kernel*/) {
  return {{10, {"listen"}}};
}

const ProbeDescriptor& probe() {
  static const ProbeDescriptor kProbe = [] {
    ProbeDescriptor p;
    p.name = "x";
    p.metrics = {
        {{"x_total", "Help.", MetricKind::kCounter, Unit::kNone, {"reason"}},
         {SourceKind::kCounters, "c", named_by_kernel}},
        {{"x_seconds_total", "Help.", MetricKind::kCounter, Unit::kSeconds, {}}, {SourceKind::kCounters, "c", second}},
        {{"x_seconds", "Help.", MetricKind::kHistogram, Unit::kSeconds, {}}, {SourceKind::kHistograms, "h", second}},
        {{"x_bytes", "Help.", MetricKind::kHistogram, Unit::kBytes, {}}, {SourceKind::kHistograms, "h", second}},
        {{"x_sockets", "Help.", MetricKind::kGauge, Unit::kConnections, {"state"}},
         {SourceKind::kTcpStates, "", listeners}},
    };
    return p;
  }();
  return kProbe;
}

struct Maps final : MapReader {
  std::uint64_t knob_bits = 0;
  std::vector<std::uint64_t> values{0, 11, 22, 33};
  std::vector<tcpperf_histogram> elements = std::vector<tcpperf_histogram>(2);
  std::optional<TcpStateCounts> states = TcpStateCounts{};

  [[nodiscard]] std::span<const std::uint64_t> counters(std::string_view map) const override {
    return map == "c" ? std::span(values) : std::span<const std::uint64_t>{};
  }
  [[nodiscard]] std::span<const tcpperf_histogram> histograms(std::string_view map) const override {
    return map == "h" ? std::span(elements) : std::span<const tcpperf_histogram>{};
  }
  [[nodiscard]] const std::optional<TcpStateCounts>& tcp_states() const override { return states; }
  [[nodiscard]] std::uint64_t knob(std::string_view symbol) const override {
    return symbol == "cfg_x_bits" ? knob_bits : 0;
  }
};

Snapshot fold(const Maps& maps, Folder& folder) {
  Snapshot snapshot;
  folder.fold(probe(), maps, snapshot);
  return snapshot;
}

}  // namespace

TEST_CASE("each series comes from its element, with the kernel's names", "[fold]") {
  const ProbeDescriptor* const table[] = {&probe()};
  Folder folder(table, Kernel());
  Maps maps;
  maps.elements[1].sum = 3ULL << 30;
  maps.elements[1].bucket[tcpperf_histogram_index(3ULL << 30)] = 1;
  (*maps.states)[10] = 7;

  const Snapshot snapshot = fold(maps, folder);
  const Family* counters = snapshot.find("x_total");
  REQUIRE(counters != nullptr);
  REQUIRE(counters->series.size() == 2);
  CHECK(*counters->series[1].labels == std::vector<std::string>{"B"});
  CHECK(std::get<double>(counters->series[1].value) == 33);

  CHECK(std::get<double>(snapshot.find("x_seconds_total")->series[0].value) == 11e-9);
  const auto& seconds = std::get<Histogram>(snapshot.find("x_seconds")->series[0].value);
  CHECK(seconds.sum == 3.0);
  CHECK(seconds.count() == 1);
  CHECK(upper_border(seconds.first_index) >= 3.0);
  CHECK(upper_border(seconds.first_index - 1) < 3.0);
  CHECK(std::get<Histogram>(snapshot.find("x_bytes")->series[0].value).sum == 3.0 * (1ULL << 30));
  CHECK(std::get<double>(snapshot.find("x_sockets")->series[0].value) == 7);
}

TEST_CASE("a metric of which the kernel has no number is missing, rather than zero", "[fold]") {
  static const ProbeDescriptor kProbe = [] {
    ProbeDescriptor p{};
    p.name = "newer";
    p.metrics = {{{"z_total", "Help.", MetricKind::kCounter, Unit::kNone, {}},
                  {SourceKind::kCounters, "c",
                   [](const KernelNames& kernel) {
                     return kernel.has_field("s", "f") ? std::vector<Cell>{{1, {}}} : std::vector<Cell>{};
                   }}},
                 {{"y_total", "Help.", MetricKind::kCounter, Unit::kNone, {}}, {SourceKind::kCounters, "c", second}}};
    return p;
  }();
  const ProbeDescriptor* const table[] = {&kProbe};
  Folder folder(table, Kernel());
  Maps maps;
  Snapshot snapshot;
  folder.fold(kProbe, maps, snapshot);
  CHECK(snapshot.find("z_total") == nullptr);
  CHECK(snapshot.find("y_total") != nullptr);
}

TEST_CASE("a series that a knob switches off is not there, rather than zero", "[fold]") {
  static const ProbeDescriptor kSwitched = [] {
    ProbeDescriptor p{};
    p.name = "switched";
    p.metrics = {{{"y_total", "Help.", MetricKind::kCounter, Unit::kNone, {"way"}},
                  {SourceKind::kCounters, "c", [](const KernelNames&) {
                     return std::vector<Cell>{{1, {"in"}, "cfg_x_bits", 1}, {2, {"out"}, "cfg_x_bits", 2}};
                   }}}};
    return p;
  }();
  const ProbeDescriptor* const table[] = {&kSwitched};
  Folder folder(table, Kernel());
  Maps maps;
  const auto shown = [&](std::uint64_t bits) {
    maps.knob_bits = bits;
    Snapshot snapshot;
    folder.fold(kSwitched, maps, snapshot);
    std::vector<std::string> ways;
    for (const Family& family : snapshot.families) {
      for (const Series& series : family.series) {
        ways.push_back(series.labels->front());
      }
    }
    return ways;
  };
  CHECK(shown(3) == std::vector<std::string>{"in", "out"});
  CHECK(shown(2) == std::vector<std::string>{"out"});
  CHECK(shown(0).empty());
}

TEST_CASE("a source that is missing gives no family, not zeros", "[fold]") {
  const ProbeDescriptor* const table[] = {&probe()};
  Folder folder(table, Kernel());
  Maps maps;
  maps.values.clear();
  maps.elements.clear();
  maps.states.reset();
  CHECK(fold(maps, folder).families.empty());
}

TEST_CASE("the kernel's sum is extended when it wraps", "[fold]") {
  const ProbeDescriptor* const table[] = {&probe()};
  Folder folder(table, Kernel());
  Maps maps;
  maps.elements[1].bucket[100] = 1;
  maps.elements[1].sum = UINT64_MAX - 9;
  fold(maps, folder);
  maps.elements[1].sum = 20;
  const double sum = std::get<Histogram>(fold(maps, folder).find("x_bytes")->series[0].value).sum;
  CHECK(sum == Approx(0x1p64 + 20));
}

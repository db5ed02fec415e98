// Numbers that the daemon makes at a reading: what is known has a series, and groups do not apply.
#include <optional>
#include <vector>

#include "catch.h"
#include "core/metrics/fold.h"

using namespace tcpperf::core;

namespace {

class NoKernel final : public KernelNames {
 public:
  [[nodiscard]] std::vector<std::pair<std::string, std::uint32_t>> enumerators(
      std::string_view /*name*/) const override {
    return {};
  }
  [[nodiscard]] bool has_field(std::string_view /*type*/, std::string_view /*field*/) const override { return false; }
};

struct Numbers final : MapReader {
  std::vector<std::optional<double>> values;
  std::optional<TcpStateCounts> none;

  [[nodiscard]] std::span<const std::uint64_t> counters(std::string_view /*map*/) const override { return {}; }
  [[nodiscard]] std::span<const tcpperf_histogram> histograms(std::string_view /*map*/) const override { return {}; }
  [[nodiscard]] const std::optional<TcpStateCounts>& tcp_states() const override { return none; }
  [[nodiscard]] std::uint64_t knob(std::string_view /*symbol*/) const override { return 0; }
  [[nodiscard]] std::span<const std::optional<double>> numbers(std::string_view table) const override {
    return table == "t" ? std::span(values) : std::span<const std::optional<double>>{};
  }
};

std::vector<Cell> three(const KernelNames& /*kernel*/) {
  return {{0, {"a"}}, {2, {"c"}}, {7, {"h"}}};
}
std::vector<Cell> one(const KernelNames& /*kernel*/) {
  return {{1, {}}};
}

}  // namespace

TEST_CASE("numbers that are not known have no series, and a metric without any has no family", "[fold]") {
  ProbeDescriptor probe;
  probe.name = "x";
  probe.metrics = {
      {{"x_total", "Help.", MetricKind::kCounter, Unit::kNone, {"name"}}, {SourceKind::kNumbers, "t", three}},
      {{"x_seconds", "Help.", MetricKind::kGauge, Unit::kSeconds, {}}, {SourceKind::kNumbers, "t", one}},
      {{"x_other", "Help.", MetricKind::kGauge, Unit::kNone, {}}, {SourceKind::kNumbers, "u", one}}};
  const ProbeDescriptor* const table[] = {&probe};
  Folder folder(table, NoKernel());
  Numbers numbers;
  numbers.values = {std::nullopt, 2.5, 3};
  Snapshot snapshot;
  folder.fold(probe, numbers, snapshot);
  REQUIRE(snapshot.families.size() == 2);
  REQUIRE(snapshot.families[0].series.size() == 1);
  CHECK(*snapshot.families[0].series[0].labels == std::vector<std::string>{"c"});
  CHECK(std::get<double>(snapshot.families[0].series[0].value) == 3);
  CHECK(std::get<double>(snapshot.families[1].series[0].value) == 2.5);

  numbers.values = {1, std::nullopt, std::nullopt};
  Snapshot later;
  folder.fold(probe, numbers, later);
  REQUIRE(later.families.size() == 1);
  CHECK(*later.families[0].series[0].labels == std::vector<std::string>{"a"});
}

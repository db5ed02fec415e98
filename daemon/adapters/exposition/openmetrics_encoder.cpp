#include <cstdlib>
#include <string_view>
#include <utility>

#include "adapters/exposition/encoder.h"
#include "adapters/exposition/lines.h"
#include "adapters/exposition/write.h"

namespace tcpperf::adapters::exposition {
namespace {

constexpr std::string_view kTotal = "_total";

// Seconds with exactly as many decimals as milliseconds need.
void append_seconds(std::string& out, std::int64_t milliseconds) {
  constexpr std::int64_t kPerSecond = 1000;
  if (milliseconds < 0) {
    out += '-';
  }
  append_integer(out, std::abs(milliseconds / kPerSecond));
  const std::int64_t rest = std::abs(milliseconds % kPerSecond);
  out += '.';
  out += static_cast<char>('0' + rest / 100);
  out += static_cast<char>('0' + rest / 10 % 10);
  out += static_cast<char>('0' + rest % 10);
}

constexpr Dialect kDialect{append_canonical_number, append_seconds};

// What a family is in OpenMetrics.
struct Description {
  std::string_view name;  // of the metadata lines; samples append their suffix to it
  std::string_view type;
};

Description describe(const prometheus::MetricFamily& family) {
  const std::string_view name = family.name;
  switch (family.type) {
    case prometheus::MetricType::Counter:
      if (const std::string_view base = without_total(name); base != name) {
        return {base, "counter"};
      }
      return {name, "unknown"};
    case prometheus::MetricType::Gauge: return {name, "gauge"};
    case prometheus::MetricType::Summary: return {name, "summary"};
    case prometheus::MetricType::Untyped: return {name, "unknown"};
    case prometheus::MetricType::Histogram: return {name, "histogram"};
  }
  return {name, "unknown"};
}

void append_metadata(std::string& out, const Description& family, std::string_view help) {
  out += "# TYPE ";
  out += family.name;
  out += ' ';
  out += family.type;
  out += '\n';
  if (const std::string_view unit = unit_of(family.name); !unit.empty()) {
    out += "# UNIT ";
    out += family.name;
    out += ' ';
    out += unit;
    out += '\n';
  }
  if (!help.empty()) {
    out += "# HELP ";
    out += family.name;
    out += ' ';
    append_escaped(out, help, Quotes::kEscaped);
    out += '\n';
  }
}

void append_series(Lines& lines, const prometheus::MetricFamily& family, const Description& description,
                   const prometheus::ClientMetric& metric) {
  switch (family.type) {
    case prometheus::MetricType::Counter:
      lines.number(description.type == "counter" ? kTotal : "", metric.counter.value);
      return;
    case prometheus::MetricType::Gauge: lines.number("", metric.gauge.value); return;
    case prometheus::MetricType::Untyped: lines.number("", metric.untyped.value); return;
    case prometheus::MetricType::Summary:
      lines.quantiles();
      lines.count("_count", metric.summary.sample_count);
      lines.number("_sum", metric.summary.sample_sum);
      return;
    case prometheus::MetricType::Histogram:
      lines.buckets();
      lines.count("_count", metric.histogram.sample_count);
      lines.number("_sum", metric.histogram.sample_sum);
      return;
  }
}

class Page : public TextPage {
 public:
  explicit Page(std::size_t expected_bytes) { reserve_page(out_, expected_bytes); }

  void add(const prometheus::MetricFamily& family) override {
    const Description description = describe(family);
    append_metadata(out_, description, family.help);
    for (const auto& metric : family.metric) {
      lines_.start(description.name, metric);
      append_series(lines_, family, description, metric);
    }
  }

  std::string finish() override {
    out_ += "# EOF\n";
    return std::move(out_);
  }

 private:
  std::string out_;
  Lines lines_{out_, kDialect};
};

}  // namespace

std::unique_ptr<TextPage> OpenMetricsEncoder::begin(std::size_t expected_bytes) const {
  return std::make_unique<Page>(expected_bytes);
}

}  // namespace tcpperf::adapters::exposition

#include <string_view>
#include <utility>

#include "adapters/exposition/encoder.h"
#include "adapters/exposition/lines.h"
#include "adapters/exposition/write.h"

namespace tcpperf::adapters::exposition {
namespace {

constexpr Dialect kDialect{append_number,
                           [](std::string& out, std::int64_t milliseconds) { append_integer(out, milliseconds); }};

std::string_view type_name(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter: return "counter";
    case prometheus::MetricType::Gauge: return "gauge";
    case prometheus::MetricType::Summary: return "summary";
    case prometheus::MetricType::Untyped: return "untyped";
    case prometheus::MetricType::Histogram: return "histogram";
  }
  return "untyped";
}

void append_metadata(std::string& out, const prometheus::MetricFamily& family) {
  if (!family.help.empty()) {
    out += "# HELP ";
    out += family.name;
    out += ' ';
    append_escaped(out, family.help, Quotes::kPlain);
    out += '\n';
  }
  out += "# TYPE ";
  out += family.name;
  out += ' ';
  out += type_name(family.type);
  out += '\n';
}

void append_series(Lines& lines, prometheus::MetricType type, const prometheus::ClientMetric& metric) {
  switch (type) {
    case prometheus::MetricType::Counter: lines.number("", metric.counter.value); return;
    case prometheus::MetricType::Gauge: lines.number("", metric.gauge.value); return;
    case prometheus::MetricType::Untyped: lines.number("", metric.untyped.value); return;
    case prometheus::MetricType::Summary:
      lines.count("_count", metric.summary.sample_count);
      lines.number("_sum", metric.summary.sample_sum);
      lines.quantiles();
      return;
    case prometheus::MetricType::Histogram:
      lines.count("_count", metric.histogram.sample_count);
      lines.number("_sum", metric.histogram.sample_sum);
      lines.buckets();
      return;
  }
}

class Page : public TextPage {
 public:
  explicit Page(std::size_t expected_bytes) { reserve_page(out_, expected_bytes); }

  void add(const prometheus::MetricFamily& family) override {
    append_metadata(out_, family);
    for (const auto& metric : family.metric) {
      lines_.start(family.name, metric);
      append_series(lines_, family.type, metric);
    }
  }

  std::string finish() override { return std::move(out_); }

 private:
  std::string out_;
  Lines lines_{out_, kDialect};
};

}  // namespace

std::unique_ptr<TextPage> TextEncoder::begin(std::size_t expected_bytes) const {
  return std::make_unique<Page>(expected_bytes);
}

}  // namespace tcpperf::adapters::exposition

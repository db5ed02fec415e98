// Our encoders: byte for byte prometheus-cpp's serializer where that one is right, exact bytes where it is not.
#include "adapters/exposition/encoder.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <prometheus/text_serializer.h>

#include "catch.h"

using tcpperf::adapters::exposition::OpenMetricsEncoder;
using tcpperf::adapters::exposition::TextEncoder;
using Labels = std::vector<prometheus::ClientMetric::Label>;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string oracle(const std::vector<prometheus::MetricFamily>& families) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

prometheus::MetricFamily family(std::string name, prometheus::MetricType type, std::string help = "Help.") {
  prometheus::MetricFamily result;
  result.name = std::move(name);
  result.help = std::move(help);
  result.type = type;
  return result;
}

prometheus::MetricFamily gauge(double value, Labels labels = {}) {
  auto result = family("g", prometheus::MetricType::Gauge, "");
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  result.metric.push_back(metric);
  return result;
}

prometheus::MetricFamily counter(std::string name, double value) {
  auto result = family(std::move(name), prometheus::MetricType::Counter);
  prometheus::ClientMetric metric;
  metric.counter.value = value;
  result.metric.push_back(metric);
  return result;
}

prometheus::MetricFamily histogram(Labels labels, std::vector<prometheus::ClientMetric::Bucket> buckets) {
  auto result = family("h_seconds", prometheus::MetricType::Histogram);
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.histogram.sample_count = 7;
  metric.histogram.sample_sum = 2.25;
  metric.histogram.bucket = std::move(buckets);
  result.metric.push_back(metric);
  return result;
}

prometheus::MetricFamily summary(Labels labels) {
  auto result = family("s", prometheus::MetricType::Summary);
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.summary.sample_count = 3;
  metric.summary.sample_sum = 1.5;
  metric.summary.quantile = {{0.5, 0.25}, {0.99, 1}};
  result.metric.push_back(metric);
  return result;
}

std::string text_of(double value) {
  const std::string line = TextEncoder().encode({gauge(value)});
  return line.substr(std::string("# TYPE g gauge\ng ").size());
}

}  // namespace

TEST_CASE("the text page is byte for byte that of prometheus-cpp", "[exposition]") {
  std::vector<prometheus::MetricFamily> page;
  for (const double value : {0.0, 1.0, -1.0, 42.0, 1e6, 1e15, -1234567.0, 0.1, -2.5, 0.0009765625, 0.0001, 1e-5,
                             9.5367431640625e-07, 1e300, 1.5e20, 123456.789, kInfinity, -kInfinity}) {
    page.push_back(gauge(value));
    page.push_back(counter("c_total", value));
    page.push_back(gauge(value, {{"a", "x"}, {"b", ""}}));
  }
  page.push_back(
      gauge(1, {{"escaped", "back\\slash, \"quote\", line\nfeed"}, {"unicode", "caf\xC3\xA9 \xF0\x9F\x90\x9D"}}));
  page.push_back(histogram({}, {{1, 0.0009765625}, {4, 0.5}, {6, 1}, {6, 1048576}}));
  page.push_back(histogram({{"remote", "10.0.0.0/8"}}, {{1, 0.0009765625}, {4, 0.5}, {7, kInfinity}}));
  page.push_back(histogram({{"remote", "none"}}, {}));
  page.push_back(summary({}));
  page.push_back(summary({{"a", "b"}}));
  page.push_back(family("empty", prometheus::MetricType::Untyped, ""));
  page.push_back(family("nothing", prometheus::MetricType::Counter));
  CHECK(TextEncoder().encode(page) == oracle(page));
}

TEST_CASE("timestamps and untyped values are those of prometheus-cpp", "[exposition]") {
  auto untyped = family("u", prometheus::MetricType::Untyped);
  prometheus::ClientMetric metric;
  metric.untyped.value = 3.5;
  metric.timestamp_ms = 1'700'000'000'123;
  untyped.metric.push_back(metric);
  CHECK(TextEncoder().encode({untyped}) == oracle({untyped}));

  auto timed = histogram({}, {{1, 0.5}});
  timed.metric[0].timestamp_ms = -5;
  CHECK(TextEncoder().encode({timed}) == oracle({timed}));
}

TEST_CASE("a thousand random histograms are those of prometheus-cpp", "[exposition]") {
  std::mt19937_64 random(11);
  auto all = family("random_seconds", prometheus::MetricType::Histogram);
  for (int i = 0; i < 1000; ++i) {
    prometheus::ClientMetric metric;
    metric.label = {{"i", std::to_string(i)}};
    std::uint64_t count = 0;
    const int first = static_cast<int>(random() % 20) - 20;
    for (int exponent = first; exponent < first + static_cast<int>(random() % 40); ++exponent) {
      count += random() >> (random() % 40 + 24);
      metric.histogram.bucket.push_back({count, std::ldexp(1.0, exponent)});
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = static_cast<double>(random() % 1'000'000) / 64;
    all.metric.push_back(metric);
  }
  CHECK(TextEncoder().encode({all}) == oracle({all}));
}

TEST_CASE("both ways of the serializer interface give the page", "[exposition]") {
  const std::vector<prometheus::MetricFamily> page{gauge(1)};
  const TextEncoder text;
  const prometheus::Serializer& serializer = text;
  std::ostringstream out;
  serializer.Serialize(out, page);
  CHECK(out.str() == "# TYPE g gauge\ng 1\n");
  CHECK(serializer.Serialize(page) == out.str());
}

TEST_CASE("help is escaped, which prometheus-cpp does not do", "[exposition]") {
  auto page = gauge(1);
  page.help = "a \\ b\nc \"d\"";
  CHECK(TextEncoder().encode({page}) == "# HELP g a \\\\ b\\nc \"d\"\n# TYPE g gauge\ng 1\n");
  CHECK(oracle({page}) != TextEncoder().encode({page}));
}

TEST_CASE("numbers keep all their digits, of which prometheus-cpp writes 16", "[exposition]") {
  CHECK(text_of(0.1 + 0.2) == "0.30000000000000004\n");
  CHECK(text_of(9007199254740992.0) == "9007199254740992\n");
  CHECK(text_of(123456789012345680.0) == "123456789012345680\n");
  CHECK(text_of(1e16) == "10000000000000000\n");
  CHECK(text_of(std::ldexp(1, -23)) == "1.1920928955078125e-07\n");
  CHECK(oracle({gauge(1e16)}) == "# TYPE g gauge\ng 1e+16\n");
  CHECK(text_of(9223372036854775808.0) == "9.223372036854776e+18\n");
}

TEST_CASE("numbers without a value in text form are named as Prometheus names them", "[exposition]") {
  CHECK(text_of(std::nan("")) == "NaN\n");
  CHECK(text_of(-std::nan("")) == "NaN\n");
  CHECK(text_of(kInfinity) == "+Inf\n");
  CHECK(text_of(-kInfinity) == "-Inf\n");
}

TEST_CASE("every random double reads back as itself", "[exposition]") {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> exponent(-300, 300);
  int wrong = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double value = std::pow(10, exponent(random) / (i % 3 == 0 ? 1 : 20)) * (i % 2 == 0 ? 1 : -1);
    wrong += std::stod(text_of(value)) == value ? 0 : 1;
  }
  CHECK(wrong == 0);
  CHECK(std::stod(text_of(std::numeric_limits<double>::max())) == std::numeric_limits<double>::max());
  CHECK(text_of(std::numeric_limits<double>::denorm_min()) == "5e-324\n");
}

TEST_CASE("bytes that are not UTF-8 become the replacement character", "[exposition]") {
  const auto label = [](const std::string& value) {
    const std::string line = TextEncoder().encode({gauge(1, {{"l", value}})});
    const std::size_t from = line.find("l=\"") + 3;
    return line.substr(from, line.rfind('"') - from);
  };
  const std::string replaced = "\xEF\xBF\xBD";
  CHECK(label("\xFF") == replaced);
  CHECK(label("a\x80z") == "a" + replaced + "z");
  CHECK(label("\xC3") == replaced);                                               // cut short
  CHECK(label("\xC0\xAF") == replaced + replaced);                                // overlong
  CHECK(label("\xE0\x80\x80") == replaced + replaced + replaced);                 // overlong
  CHECK(label("\xED\xA0\x80") == replaced + replaced + replaced);                 // surrogate
  CHECK(label("\xF4\x90\x80\x80") == replaced + replaced + replaced + replaced);  // above U+10FFFF
  for (const char* good :
       {"\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CHECK(label(good) == good);
  }
}

TEST_CASE("OpenMetrics describes a counter by its base name", "[exposition]") {
  CHECK(OpenMetricsEncoder().encode({counter("resets_total", 3), counter("stalled_seconds_total", 0.5)}) ==
        "# TYPE resets counter\n# HELP resets Help.\nresets_total 3\n"
        "# TYPE stalled_seconds counter\n# UNIT stalled_seconds seconds\n# HELP stalled_seconds Help.\n"
        "stalled_seconds_total 0.5\n# EOF\n");
}

TEST_CASE("OpenMetrics serves a counter without _total under its own name", "[exposition]") {
  CHECK(OpenMetricsEncoder().encode({counter("resets", 3), counter("_total", 1)}) ==
        "# TYPE resets unknown\n# HELP resets Help.\nresets 3\n"
        "# TYPE _total unknown\n# HELP _total Help.\n_total 1\n# EOF\n");
}

TEST_CASE("OpenMetrics writes borders canonically, buckets first", "[exposition]") {
  const auto page =
      histogram({{"a", "b"}},
                {{1, 9.5367431640625e-07}, {2, 0.0001}, {3, 0.5}, {4, 1}, {5, 524288}, {6, 1048576}, {7, 17179869184}});
  CHECK(OpenMetricsEncoder().encode({page}) ==
        "# TYPE h_seconds histogram\n# UNIT h_seconds seconds\n# HELP h_seconds Help.\n"
        "h_seconds_bucket{a=\"b\",le=\"9.5367431640625e-07\"} 1\n"
        "h_seconds_bucket{a=\"b\",le=\"0.0001\"} 2\n"
        "h_seconds_bucket{a=\"b\",le=\"0.5\"} 3\n"
        "h_seconds_bucket{a=\"b\",le=\"1.0\"} 4\n"
        "h_seconds_bucket{a=\"b\",le=\"524288.0\"} 5\n"
        "h_seconds_bucket{a=\"b\",le=\"1.048576e+06\"} 6\n"
        "h_seconds_bucket{a=\"b\",le=\"1.7179869184e+10\"} 7\n"
        "h_seconds_bucket{a=\"b\",le=\"+Inf\"} 7\n"
        "h_seconds_count{a=\"b\"} 7\nh_seconds_sum{a=\"b\"} 2.25\n# EOF\n");
}

TEST_CASE("OpenMetrics canonical numbers are those of its specification", "[exposition]") {
  const auto border = [](double value) {
    const std::string page = OpenMetricsEncoder().encode({histogram({}, {{1, value}})});
    const std::size_t from = page.find("le=\"") + 4;
    return page.substr(from, page.find('"', from) - from);
  };
  const std::vector<std::pair<double, std::string>> table{
      {0, "0.0"},      {1e-10, "1e-10"}, {1e-5, "1e-05"},        {1e-4, "0.0001"},    {0.001, "0.001"},
      {0.1, "0.1"},    {1, "1.0"},       {10, "10.0"},           {1e5, "100000.0"},   {1e6, "1e+06"},
      {1e10, "1e+10"}, {-1, "-1.0"},     {999999.5, "999999.5"}, {kInfinity, "+Inf"}, {-kInfinity, "-Inf"}};
  for (const auto& [value, text] : table) {
    CHECK(border(value) == text);
  }
}

TEST_CASE("OpenMetrics escapes quotes in help, too", "[exposition]") {
  auto page = gauge(std::nan(""));
  page.help = "a \\ b\nc \"d\"";
  CHECK(OpenMetricsEncoder().encode({page}) == "# TYPE g gauge\n# HELP g a \\\\ b\\nc \\\"d\\\"\ng NaN\n# EOF\n");
}

TEST_CASE("OpenMetrics names a unit only where the base name ends in it", "[exposition]") {
  const auto unit_line = [](const std::string& name) {
    auto page = gauge(1);
    page.name = name;
    return OpenMetricsEncoder().encode({page}).find("# UNIT") != std::string::npos;
  };
  CHECK(unit_line("a_seconds"));
  CHECK(unit_line("a_bytes"));
  CHECK(unit_line("a_ratio"));
  CHECK_FALSE(unit_line("seconds"));
  CHECK_FALSE(unit_line("_seconds"));
  CHECK_FALSE(unit_line("a_milliseconds"));
  CHECK_FALSE(unit_line("a_seconds_info"));
  CHECK_FALSE(unit_line("a_segments"));
}

TEST_CASE("OpenMetrics timestamps are seconds", "[exposition]") {
  const auto stamp = [](std::int64_t milliseconds) {
    auto page = gauge(1);
    page.metric[0].timestamp_ms = milliseconds;
    return OpenMetricsEncoder().encode({page});
  };
  CHECK(stamp(1'700'000'000'012) == "# TYPE g gauge\ng 1 1700000000.012\n# EOF\n");
  CHECK(stamp(-1500) == "# TYPE g gauge\ng 1 -1.500\n# EOF\n");
  CHECK(stamp(-7) == "# TYPE g gauge\ng 1 -0.007\n# EOF\n");
}

TEST_CASE("OpenMetrics summaries and untyped values", "[exposition]") {
  auto untyped = family("u", prometheus::MetricType::Untyped, "");
  untyped.metric.emplace_back();
  CHECK(OpenMetricsEncoder().encode({summary({}), untyped}) ==
        "# TYPE s summary\n# HELP s Help.\ns{quantile=\"0.5\"} 0.25\ns{quantile=\"0.99\"} 1\n"
        "s_count 3\ns_sum 1.5\n# TYPE u unknown\nu 0\n# EOF\n");
}

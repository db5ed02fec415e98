// Encoders of the text formats. Stateless: one object may be used by any thread.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/serializer.h>

namespace tcpperf::adapters::exposition {

// A page in the making. It takes one family after another, so that whoever makes them needs memory for one alone.
class TextPage {
 public:
  virtual ~TextPage() = default;
  virtual void add(const prometheus::MetricFamily& family) = 0;
  // The whole page; nothing may be added after that.
  virtual std::string finish() = 0;
};

// Both ways of prometheus::Serializer over one function that builds the page in memory: a page of a thousand
// histograms is 43,000 lines, and a stream insertion per token costs more than measuring what is on it.
class Encoder : public prometheus::Serializer {
 public:
  // `expected_bytes`: see reserve_page(); 0 when it is not known.
  [[nodiscard]] virtual std::unique_ptr<TextPage> begin(std::size_t expected_bytes) const = 0;
  [[nodiscard]] std::string encode(const std::vector<prometheus::MetricFamily>& families) const;

  std::string Serialize(const std::vector<prometheus::MetricFamily>& families) const override;
  void Serialize(std::ostream& out, const std::vector<prometheus::MetricFamily>& families) const override;
};

// Prometheus text format 0.0.4.
class TextEncoder : public Encoder {
 public:
  [[nodiscard]] std::unique_ptr<TextPage> begin(std::size_t expected_bytes) const override;
};

// OpenMetrics 1.0. A counter is described under its name without _total, and a family whose base name ends in
// _seconds, _bytes or _ratio carries that UNIT. A counter without _total would be invalid; it keeps its name and
// is served with type "unknown", so that a series is called the same in both formats.
class OpenMetricsEncoder : public Encoder {
 public:
  [[nodiscard]] std::unique_ptr<TextPage> begin(std::size_t expected_bytes) const override;
};

}  // namespace tcpperf::adapters::exposition

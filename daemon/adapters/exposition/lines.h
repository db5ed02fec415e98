// The sample lines of a family, alike in both text formats but for two details. Internal to this adapter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <prometheus/metric_family.h>

namespace tcpperf::adapters::exposition {

// Where the formats differ within a line.
struct Dialect {
  void (*append_label_number)(std::string& out, double value);            // in `le` and `quantile`
  void (*append_timestamp)(std::string& out, std::int64_t milliseconds);  // behind the value
};

// Appends to `out`, which must outlive it. What repeats on all lines of a series is written once and copied.
class Lines {
 public:
  Lines(std::string& out, const Dialect& dialect) : out_(out), dialect_(dialect) {}

  // All lines that follow belong to `metric`; both arguments must stay valid until the next call.
  void start(std::string_view name, const prometheus::ClientMetric& metric);

  void number(std::string_view suffix, double value);
  void count(std::string_view suffix, std::uint64_t value);
  // The series' buckets in their order, and +Inf where they do not end with it.
  void buckets();
  void quantiles();

 private:
  void name_and_labels(std::string_view suffix);
  // With what follows it up to the count.
  std::string_view border_text(std::size_t position, double border);

  std::string& out_;
  const Dialect& dialect_;
  std::string_view name_;
  const prometheus::ClientMetric* metric_ = nullptr;
  std::string labels_;  // a="x",b="y"
  std::string tail_;    // timestamp and line end
  std::string line_;    // of a bucket, where it is made

  struct Border {
    double value = 0;
    std::string text;
  };
  std::vector<Border> borders_;  // of the last histogram, by position: the next one nearly always has the same
};

}  // namespace tcpperf::adapters::exposition

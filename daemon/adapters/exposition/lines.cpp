#include "adapters/exposition/lines.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "adapters/exposition/write.h"

namespace tcpperf::adapters::exposition {
namespace {

constexpr std::string_view kBehindBorder = "\"} ";
constexpr std::string_view kInfinity = "+Inf\"} ";
constexpr std::size_t kMostDigits = std::numeric_limits<std::uint64_t>::digits10 + 1;

}  // namespace

void Lines::start(std::string_view name, const prometheus::ClientMetric& metric) {
  name_ = name;
  metric_ = &metric;
  labels_.clear();
  append_labels(labels_, metric.label);
  tail_.clear();
  if (metric.timestamp_ms != 0) {
    tail_ += ' ';
    dialect_.append_timestamp(tail_, metric.timestamp_ms);
  }
  tail_ += '\n';
}

void Lines::name_and_labels(std::string_view suffix) {
  out_ += name_;
  out_ += suffix;
  if (!labels_.empty()) {
    out_ += '{';
    out_ += labels_;
    out_ += '}';
  }
  out_ += ' ';
}

void Lines::number(std::string_view suffix, double value) {
  name_and_labels(suffix);
  append_number(out_, value);
  out_ += tail_;
}

void Lines::count(std::string_view suffix, std::uint64_t value) {
  name_and_labels(suffix);
  append_integer(out_, value);
  out_ += tail_;
}

std::string_view Lines::border_text(std::size_t position, double border) {
  if (position >= borders_.size()) {
    borders_.resize(position + 1);
  }
  Border& known = borders_[position];
  if (known.value != border || known.text.empty()) {
    known.value = border;
    known.text.clear();
    dialect_.append_label_number(known.text, border);
    known.text += kBehindBorder;
  }
  return known.text;
}

void Lines::buckets() {
  line_ = name_;
  line_ += "_bucket{";
  line_ += labels_;
  line_ += labels_.empty() ? "le=\"" : ",le=\"";
  const std::size_t head = line_.size();

  // The head is written once; behind it each line writes what is its own, and all of it is copied at once.
  const auto line = [&](std::string_view border, std::uint64_t count) {
    const std::size_t most = head + border.size() + kMostDigits + tail_.size();
    if (line_.size() < most) {
      line_.resize(most);
    }
    char* end = std::copy(border.begin(), border.end(), line_.data() + head);
    end = std::to_chars(end, end + kMostDigits, count).ptr;
    end = std::copy(tail_.begin(), tail_.end(), end);
    out_.append(line_.data(), static_cast<std::size_t>(end - line_.data()));
  };
  const auto& histogram = metric_->histogram;
  for (std::size_t i = 0; i < histogram.bucket.size(); ++i) {
    line(border_text(i, histogram.bucket[i].upper_bound), histogram.bucket[i].cumulative_count);
  }
  if (histogram.bucket.empty() || histogram.bucket.back().upper_bound != std::numeric_limits<double>::infinity()) {
    line(kInfinity, histogram.sample_count);
  }
}

void Lines::quantiles() {
  for (const auto& quantile : metric_->summary.quantile) {
    out_ += name_;
    out_ += '{';
    out_ += labels_;
    out_ += labels_.empty() ? "quantile=\"" : ",quantile=\"";
    dialect_.append_label_number(out_, quantile.quantile);
    out_ += "\"} ";
    append_number(out_, quantile.value);
    out_ += tail_;
  }
}

}  // namespace tcpperf::adapters::exposition

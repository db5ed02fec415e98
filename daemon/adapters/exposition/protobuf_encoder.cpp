#include "adapters/exposition/protobuf_encoder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <protozero/types.hpp>
#include <protozero/varint.hpp>

#include "adapters/exposition/histogram_message.h"
#include "adapters/exposition/message_writer.h"
#include "adapters/exposition/write.h"
#include "core/base/utf8.h"

namespace tcpperf::adapters::exposition {
namespace {

using protozero::pbf_tag_type;

// Field numbers of io/prometheus/client/metrics.proto. All tags take one byte.
namespace family_field {
constexpr pbf_tag_type kName = 1;
constexpr pbf_tag_type kHelp = 2;
constexpr pbf_tag_type kType = 3;
constexpr pbf_tag_type kMetric = 4;
constexpr pbf_tag_type kUnit = 5;
}  // namespace family_field
namespace metric_field {
constexpr pbf_tag_type kLabel = 1;
constexpr pbf_tag_type kGauge = 2;
constexpr pbf_tag_type kCounter = 3;
constexpr pbf_tag_type kHistogram = 7;
}  // namespace metric_field
namespace label_field {
constexpr pbf_tag_type kName = 1;
constexpr pbf_tag_type kValue = 2;
}  // namespace label_field
constexpr pbf_tag_type kNumberValue = 1;  // of Gauge and of Counter

constexpr std::size_t kTag = 1;
constexpr std::size_t kNumberBytes = kTag + sizeof(double);
// Of the length of a family: 35 bits.
constexpr std::size_t kLongestLength = 5;

std::int32_t type_number(core::MetricKind kind) {
  switch (kind) {
    case core::MetricKind::kCounter: return 0;
    case core::MetricKind::kGauge: return 1;
    case core::MetricKind::kHistogram: return 4;
  }
  return 3;  // untyped
}

std::size_t field_bytes(std::size_t content) {
  return kTag + static_cast<std::size_t>(protozero::length_of_varint(content)) + content;
}

// Appends the series of one family.
class SeriesWriter {
 public:
  SeriesWriter(MessageWriter& out, const core::Family& from, const core::HistogramExposition& histograms)
      : out_(out),
        number_field_(from.spec->kind == core::MetricKind::kCounter ? metric_field::kCounter : metric_field::kGauge),
        names_(from.spec->labels),
        histogram_(from.spec->borders, histograms) {
    names_.insert(names_.end(), from.group_labels.begin(), from.group_labels.end());
  }

  void add(const core::Series& series) {
    const std::size_t labels_bytes = plan_labels(*series.labels);
    if (const auto* number = std::get_if<double>(&series.value)) {
      out_.begin_message(family_field::kMetric, labels_bytes + field_bytes(kNumberBytes));
      write_labels();
      out_.begin_message(number_field_, kNumberBytes);
      out_.add_double(kNumberValue, *number);
    } else if (const auto* histogram = std::get_if<core::Histogram>(&series.value)) {
      const std::size_t histogram_bytes = histogram_.plan(*histogram);
      out_.begin_message(family_field::kMetric, labels_bytes + field_bytes(histogram_bytes));
      write_labels();
      out_.begin_message(metric_field::kHistogram, histogram_bytes);
      histogram_.write(out_);
    }
  }

 private:
  static std::size_t pair_bytes(std::string_view name, std::string_view value) {
    return field_bytes(name.size()) + field_bytes(value.size());
  }

  std::size_t plan_labels(const std::vector<std::string>& values) {
    values_.clear();
    replaced_.clear();
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < std::min(names_.size(), values.size()); ++i) {
      std::string_view value = values[i];
      if (!core::is_utf8(value)) {  // a single bad byte would make Prometheus refuse the page
        value = replaced_.emplace_back(core::to_utf8(value));
      }
      values_.push_back(value);
      bytes += field_bytes(pair_bytes(names_[i], value));
    }
    return bytes;
  }

  void write_labels() const {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      out_.begin_message(metric_field::kLabel, pair_bytes(names_[i], values_[i]));
      out_.add_bytes(label_field::kName, names_[i].data(), names_[i].size());
      out_.add_bytes(label_field::kValue, values_[i].data(), values_[i].size());
    }
  }

  MessageWriter& out_;
  const pbf_tag_type number_field_;
  std::vector<std::string_view> names_;
  HistogramMessage histogram_;
  std::vector<std::string_view> values_;  // of the planned series
  std::deque<std::string> replaced_;      // those of its values that were not UTF-8
};

void write_family(MessageWriter& out, const core::Family& family, const core::HistogramExposition& histograms) {
  const core::MetricSpec& spec = *family.spec;
  out.add_bytes(family_field::kName, spec.name.data(), spec.name.size());
  if (!spec.help.empty()) {
    out.add_string(family_field::kHelp, core::to_utf8(spec.help));
  }
  out.add_enum(family_field::kType, type_number(spec.kind));
  SeriesWriter writer(out, family, histograms);
  for (const core::Series& series : family.series) {
    writer.add(series);
  }
  const std::string_view base =
      spec.kind == core::MetricKind::kCounter ? without_total(spec.name) : std::string_view(spec.name);
  if (const std::string_view unit = unit_of(base); !unit.empty()) {
    out.add_bytes(family_field::kUnit, unit.data(), unit.size());
  }
}

// About how long the page gets, rather more than less; see reserve_page().
std::size_t estimate_bytes(const core::Snapshot& snapshot, const core::HistogramExposition& histograms) {
  constexpr std::size_t kMetadata = 64;   // lengths and tags of a family
  constexpr std::size_t kSeries = 64;     // of a series, without labels and buckets
  constexpr std::size_t kNative = 4;      // of a bucket
  constexpr std::size_t kClassic = 16;    // of a bucket
  constexpr std::size_t kLabelFrame = 6;  // lengths and tags of a label
  std::size_t bytes = 0;
  for (const core::Family& family : snapshot.families) {
    bytes += kMetadata + family.spec->name.size() + family.spec->help.size();
    std::size_t names = 0;
    for (const std::string_view name : family.spec->labels) {
      names += name.size();
    }
    for (const std::string_view name : family.group_labels) {
      names += name.size();
    }
    const core::BorderRange borders = family.spec->borders;
    const int octaves = borders.max_exponent - borders.min_exponent + 1;
    const std::size_t classic =
        static_cast<std::size_t>(octaves) * static_cast<std::size_t>(histograms.buckets_per_octave);
    for (const core::Series& series : family.series) {
      bytes += kSeries + names;
      for (const std::string& value : *series.labels) {
        bytes += kLabelFrame + value.size();
      }
      if (const auto* histogram = std::get_if<core::Histogram>(&series.value)) {
        bytes += kNative * histogram->buckets.size() + kClassic * classic;
      }
    }
  }
  return bytes;
}

}  // namespace

std::string encode_protobuf(const core::Snapshot& snapshot, const core::HistogramExposition& histograms) {
  std::string page;
  reserve_page(page, estimate_bytes(snapshot, histograms));
  for (const core::Family& family : snapshot.families) {
    if (family.series.empty()) {
      continue;
    }
    // How long a family is shows when it is written; moving it up to its length costs less than reckoning twice.
    const std::size_t begin = page.size();
    page.append(kLongestLength, '\0');
    MessageWriter out(page);
    write_family(out, family, histograms);
    const std::size_t length = page.size() - begin - kLongestLength;
    const auto used = static_cast<std::size_t>(protozero::add_varint_to_buffer(page.data() + begin, length));
    page.erase(begin + used, kLongestLength - used);
  }
  return page;
}

}  // namespace tcpperf::adapters::exposition

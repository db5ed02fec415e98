#include "adapters/exposition/histogram_message.h"

#include <algorithm>
#include <cmath>

#include <protozero/varint.hpp>

namespace tcpperf::adapters::exposition {
namespace {

using protozero::pbf_tag_type;

// Field numbers of io/prometheus/client/metrics.proto. All tags take one byte.
namespace histogram_field {
constexpr pbf_tag_type kSampleCount = 1;
constexpr pbf_tag_type kSampleSum = 2;
constexpr pbf_tag_type kBucket = 3;
constexpr pbf_tag_type kSchema = 5;
constexpr pbf_tag_type kZeroThreshold = 6;
constexpr pbf_tag_type kZeroCount = 7;
constexpr pbf_tag_type kPositiveSpan = 12;
constexpr pbf_tag_type kPositiveDelta = 13;
}  // namespace histogram_field
namespace bucket_field {
constexpr pbf_tag_type kCumulativeCount = 1;
constexpr pbf_tag_type kUpperBound = 2;
}  // namespace bucket_field
namespace span_field {
constexpr pbf_tag_type kOffset = 1;
constexpr pbf_tag_type kLength = 2;
}  // namespace span_field

constexpr std::size_t kTag = 1;
constexpr std::size_t kDouble = kTag + sizeof(double);
// So many empty buckets take no more bytes than a span of their own behind them.
constexpr std::size_t kLongestGap = 2;

std::size_t varint_bytes(std::uint64_t value) {
  return kTag + static_cast<std::size_t>(protozero::length_of_varint(value));
}

std::size_t message_bytes(std::size_t content) {
  return varint_bytes(content) + content;
}

std::size_t bucket_bytes(std::uint64_t cumulative_count) {
  return varint_bytes(cumulative_count) + kDouble;
}

std::size_t span_bytes(std::int32_t offset, std::uint32_t length) {
  return varint_bytes(protozero::encode_zigzag32(offset)) + varint_bytes(length);
}

double zero_threshold() {
  return std::ldexp(1.0, -128);
}

}  // namespace

HistogramMessage::HistogramMessage(core::BorderRange borders, const core::HistogramExposition& how)
    : range_(borders),
      buckets_per_octave_(how.buckets_per_octave),
      classic_(how.in_protobuf != core::ProtobufHistograms::kNative),
      native_(how.in_protobuf != core::ProtobufHistograms::kClassic) {
  if (classic_) {
    borders_ = core::classic_borders(range_, buckets_per_octave_);
  }
}

std::size_t HistogramMessage::plan(const core::Histogram& histogram) {
  histogram_ = &histogram;
  count_ = histogram.count();
  std::size_t bytes = varint_bytes(count_) + kDouble;
  if (classic_) {
    bytes += plan_classic();
  }
  if (native_) {
    bytes += plan_native();
  }
  return bytes;
}

std::size_t HistogramMessage::plan_classic() {
  core::cumulative_counts(*histogram_, range_, buckets_per_octave_, cumulative_);
  std::size_t bytes = 0;
  for (const std::uint64_t count : cumulative_) {
    bytes += message_bytes(bucket_bytes(count));
  }
  return bytes;
}

std::size_t HistogramMessage::plan_native() {
  spans_.clear();
  const std::vector<std::uint64_t>& buckets = histogram_->buckets;
  deltas_.resize(std::max(deltas_.size(), buckets.size() * protozero::max_varint_length));
  char* end = deltas_.data();
  std::uint64_t previous = 0;
  const auto append = [&](std::uint64_t count) {
    // The difference of two counts below 2^63 is a signed number; unsigned arithmetic has no undefined overflow.
    const auto delta = static_cast<std::int64_t>(count - previous);
    end += protozero::add_varint_to_buffer(end, protozero::encode_zigzag64(delta));
    previous = count;
  };
  std::int32_t gap = histogram_->first_index;  // from the end of the last span, or from bucket 0
  for (const std::uint64_t count : buckets) {
    if (count == 0) {
      ++gap;
      continue;
    }
    if (spans_.empty() || gap > static_cast<std::int32_t>(kLongestGap)) {
      spans_.push_back({gap, 0});
    } else {
      spans_.back().length += static_cast<std::uint32_t>(gap);
      for (; gap > 0; --gap) {
        append(0);
      }
    }
    ++spans_.back().length;
    append(count);
    gap = 0;
  }
  deltas_bytes_ = static_cast<std::size_t>(end - deltas_.data());
  if (spans_.empty()) {
    spans_.push_back({});  // by which a native histogram is known
  }

  std::size_t bytes = varint_bytes(protozero::encode_zigzag32(core::Histogram::kSchema)) + kDouble +
                      varint_bytes(histogram_->zero_count);
  for (const Span& span : spans_) {
    bytes += message_bytes(span_bytes(span.offset, span.length));
  }
  return deltas_bytes_ == 0 ? bytes : bytes + message_bytes(deltas_bytes_);
}

void HistogramMessage::write(MessageWriter& out) const {
  out.add_uint64(histogram_field::kSampleCount, count_);
  out.add_double(histogram_field::kSampleSum, histogram_->sum);
  if (classic_) {
    for (std::size_t i = 0; i < borders_.size(); ++i) {
      out.begin_message(histogram_field::kBucket, bucket_bytes(cumulative_[i]));
      out.add_uint64(bucket_field::kCumulativeCount, cumulative_[i]);
      out.add_double(bucket_field::kUpperBound, borders_[i]);
    }
  }
  if (native_) {
    write_native(out);
  }
}

void HistogramMessage::write_native(MessageWriter& out) const {
  out.add_sint32(histogram_field::kSchema, core::Histogram::kSchema);
  out.add_double(histogram_field::kZeroThreshold, zero_threshold());
  out.add_uint64(histogram_field::kZeroCount, histogram_->zero_count);
  for (const Span& span : spans_) {
    out.begin_message(histogram_field::kPositiveSpan, span_bytes(span.offset, span.length));
    out.add_sint32(span_field::kOffset, span.offset);
    out.add_uint32(span_field::kLength, span.length);
  }
  if (deltas_bytes_ != 0) {
    out.add_bytes(histogram_field::kPositiveDelta, deltas_.data(), deltas_bytes_);  // as a packed field is
  }
}

}  // namespace tcpperf::adapters::exposition

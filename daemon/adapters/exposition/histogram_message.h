// The message io.prometheus.client.Histogram. Internal to this adapter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "adapters/exposition/message_writer.h"
#include "core/histogram/histogram.h"
#include "core/metrics/histogram_exposition.h"

namespace tcpperf::adapters::exposition {

// Of the histograms of one family, one after the other: plan() says how long the message gets, so that write() can put
// it where it belongs. Keeps its memory and the borders from one to the next.
class HistogramMessage {
 public:
  HistogramMessage(core::BorderRange borders, const core::HistogramExposition& how);

  // Bytes of the message; `histogram` must stay valid until write().
  std::size_t plan(const core::Histogram& histogram);
  // Writes the fields of what was planned last.
  void write(MessageWriter& out) const;

 private:
  struct Span {
    std::int32_t offset = 0;
    std::uint32_t length = 0;
  };
  [[nodiscard]] std::size_t plan_classic();
  [[nodiscard]] std::size_t plan_native();
  void write_native(MessageWriter& out) const;

  const core::BorderRange range_;
  const int buckets_per_octave_;
  const bool classic_;
  const bool native_;
  std::vector<double> borders_;

  const core::Histogram* histogram_ = nullptr;
  std::uint64_t count_ = 0;
  std::vector<std::uint64_t> cumulative_;  // by border
  std::vector<Span> spans_;
  std::vector<char> deltas_;  // varints; the first deltas_bytes_ are of this histogram
  std::size_t deltas_bytes_ = 0;
};

}  // namespace tcpperf::adapters::exposition

#include "adapters/exposition/encoder.h"

#include <ostream>

namespace tcpperf::adapters::exposition {

std::string Encoder::encode(const std::vector<prometheus::MetricFamily>& families) const {
  const std::unique_ptr<TextPage> page = begin(0);
  for (const prometheus::MetricFamily& family : families) {
    page->add(family);
  }
  return page->finish();
}

std::string Encoder::Serialize(const std::vector<prometheus::MetricFamily>& families) const {
  return encode(families);
}

void Encoder::Serialize(std::ostream& out, const std::vector<prometheus::MetricFamily>& families) const {
  out << encode(families);
}

}  // namespace tcpperf::adapters::exposition

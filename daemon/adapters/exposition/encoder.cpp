#include "adapters/exposition/encoder.h"

#include <ostream>

namespace tcpperf::adapters::exposition {

std::string Encoder::Serialize(const std::vector<prometheus::MetricFamily>& families) const {
  return encode(families);
}

void Encoder::Serialize(std::ostream& out, const std::vector<prometheus::MetricFamily>& families) const {
  out << encode(families);
}

}  // namespace tcpperf::adapters::exposition

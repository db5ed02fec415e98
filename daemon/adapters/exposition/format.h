// Which format a client gets.
#pragma once

#include <string_view>

#include "adapters/exposition/encoder.h"

namespace tcpperf::adapters::exposition {

enum class Format { kText, kOpenMetrics };

// The best format for an Accept header: the one with the highest weight, the more specifically named one among equals,
// text otherwise. Total: a client that accepts nothing we have, or sends nonsense, gets text, as from every exporter.
Format negotiate(std::string_view accept);

// The exact value of the Content-Type header.
std::string_view content_type(Format format);

// Has static storage duration.
const Encoder& encoder(Format format);

}  // namespace tcpperf::adapters::exposition

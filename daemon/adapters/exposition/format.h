// Which format a client gets.
#pragma once

#include <string_view>

namespace tcpperf::adapters::exposition {

enum class Format { kText, kOpenMetrics, kProtobuf };

// The best format for an Accept header: the one with the highest weight, the more specifically named one among equals,
// text otherwise. Protobuf is only for who names it in full: it is of no use to others. Total: a client that accepts
// nothing we have, or sends nonsense, gets text, as from every exporter.
Format negotiate(std::string_view accept);

// The exact value of the Content-Type header.
std::string_view content_type(Format format);

}  // namespace tcpperf::adapters::exposition

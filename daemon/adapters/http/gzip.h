// Compressed bodies.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tcpperf::adapters::http {

// Whether a client with this Accept-Encoding header wants gzip: it names it (or "*") with a weight above zero and does
// not prefer "identity". Without the header: no.
bool accepts_gzip(std::string_view accept_encoding);

// The gzip form (RFC 1952) at the fastest level: pages are sent once, and their text shrinks tenfold all the same.
// nullopt when zlib fails (no memory) or `data` is 4 GiB or more.
std::optional<std::string> gzip(std::string_view data);

}  // namespace tcpperf::adapters::http

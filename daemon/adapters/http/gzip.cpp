#include "adapters/http/gzip.h"

#include <limits>

#include <zlib.h>

#include "core/net/accept_list.h"

namespace tcpperf::adapters::http {

bool accepts_gzip(std::string_view accept_encoding) {
  std::optional<int> gzip_weight;
  std::optional<int> any_weight;
  int identity_weight = 0;
  for (const core::AcceptItem& item : core::parse_accept_list(accept_encoding)) {
    if (core::equal_ignoring_case(item.name, "gzip") || core::equal_ignoring_case(item.name, "x-gzip")) {
      gzip_weight = item.weight_permille;
    } else if (item.name == "*") {
      any_weight = item.weight_permille;
    } else if (core::equal_ignoring_case(item.name, "identity")) {
      identity_weight = item.weight_permille;
    }
  }
  const int weight = gzip_weight ? *gzip_weight : any_weight.value_or(0);
  return weight > 0 && weight >= identity_weight;
}

std::optional<std::string> gzip(std::string_view data) {
  constexpr int kGzipFormat = 16;  // added to the window bits
  constexpr int kDefaultMemory = 8;
  if (data.size() > std::numeric_limits<uInt>::max()) {
    return std::nullopt;
  }
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + kGzipFormat, kDefaultMemory, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return std::nullopt;
  }
  std::string out(deflateBound(&stream, static_cast<uLong>(data.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));  // zlib reads it only
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) {
    return std::nullopt;
  }
  out.shrink_to_fit();
  return out;
}

}  // namespace tcpperf::adapters::http

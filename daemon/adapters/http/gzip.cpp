#include "adapters/http/gzip.h"

#include <algorithm>
#include <limits>
#include <memory>

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
  if (data.size() > std::numeric_limits<uInt>::max() / 4) {  // with room for what cannot be made smaller
    return std::nullopt;
  }
  z_stream stream{};
  const std::unique_ptr<z_stream, int (*)(z_stream*)> ended(&stream, deflateEnd);  // without memory for it too
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + kGzipFormat, kDefaultMemory, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return std::nullopt;
  }
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));  // zlib reads it only
  stream.avail_in = static_cast<uInt>(data.size());
  // A page gets a small part of its size; memory for the worst case would be touched only to be given back.
  constexpr std::size_t kUsualRatio = 8;
  constexpr std::size_t kLeast = 4096;
  std::string out;
  int status = Z_OK;
  while (status == Z_OK || status == Z_BUF_ERROR) {
    out.resize(std::max(data.size() / kUsualRatio + kLeast, 2 * out.size()));
    stream.next_out = reinterpret_cast<Bytef*>(out.data()) + stream.total_out;
    stream.avail_out = static_cast<uInt>(out.size() - stream.total_out);
    status = deflate(&stream, Z_FINISH);
  }
  out.resize(stream.total_out);
  if (status != Z_STREAM_END) {
    return std::nullopt;
  }
  out.shrink_to_fit();
  return out;
}

}  // namespace tcpperf::adapters::http

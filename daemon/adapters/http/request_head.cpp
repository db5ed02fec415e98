#include "adapters/http/request_head.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <exception>

#include "core/net/accept_list.h"

namespace tcpperf::adapters::http {
namespace {

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

bool is_token(std::string_view text) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool begins_ignoring_case(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && core::equal_ignoring_case(text.substr(0, start.size()), start);
}

// Whether `next` stands right behind `part` and one separator, which the library has overwritten with a zero. Parts
// that have not stayed where they were read say nothing.
bool follows(const char* part, std::string_view text, const char* next) {
  constexpr std::uintptr_t kLargestHead = std::uintptr_t{1} << 20U;
  const auto from = reinterpret_cast<std::uintptr_t>(part);
  const auto to = reinterpret_cast<std::uintptr_t>(next);
  return to <= from || to - from > kLargestHead || to - from == text.size() + 1;
}

struct Headers {
  int hosts = 0;
  bool strange_name = false;
  bool strange_value = false;
  bool folded_length = false;
};

MHD_Result look_at(void* closure, MHD_ValueKind /*kind*/, const char* key, std::size_t key_size, const char* value,
                   std::size_t value_size) {
  auto& seen = *static_cast<Headers*>(closure);
  const std::string_view name(key, key_size);
  const std::string_view text(value == nullptr ? "" : value, value == nullptr ? 0 : value_size);
  seen.hosts += core::equal_ignoring_case(name, MHD_HTTP_HEADER_HOST) ? 1 : 0;
  seen.strange_name = seen.strange_name || !is_token(name);
  seen.strange_value =
      seen.strange_value || std::any_of(text.begin(), text.end(), [](char c) { return is_control(c) && c != '\t'; });
  // The library appends a folded line to the name.
  for (const std::string_view framing : {MHD_HTTP_HEADER_CONTENT_LENGTH, MHD_HTTP_HEADER_TRANSFER_ENCODING}) {
    seen.folded_length = seen.folded_length || (begins_ignoring_case(name, framing) && name.size() != framing.size());
  }
  return MHD_YES;
}

}  // namespace

bool has_body(MHD_Connection* connection) {
  return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH) != nullptr ||
         MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) != nullptr;
}

std::string joined_headers(MHD_Connection* connection, std::string_view name) {
  struct Search {
    std::string_view name;
    std::string value;
  } search{name, {}};
  MHD_get_connection_values(
      connection, MHD_HEADER_KIND,
      [](void* closure, MHD_ValueKind, const char* key, const char* value) {
        auto& wanted = *static_cast<Search*>(closure);
        try {
          if (value != nullptr && core::equal_ignoring_case(key, wanted.name)) {
            wanted.value += (wanted.value.empty() ? "" : ", ") + std::string(value);
          }
        } catch (const std::exception&) {
          return MHD_NO;
        }
        return MHD_YES;
      },
      &search);
  return std::move(search.value);
}

std::string_view malformation(MHD_Connection* connection, const RequestLine& line) {
  const std::string_view target = line.target_text;
  if (!is_token(line.method) || !follows(line.method, line.method, line.target) ||
      !follows(line.target, target, line.version) ||
      std::any_of(target.begin(), target.end(), [](char c) { return is_control(c) || c == ' '; })) {
    return "The request line has a blank too many, or a control character.\n";
  }
  Headers seen;
  MHD_get_connection_values_n(connection, MHD_HEADER_KIND, look_at, &seen);
  if (seen.strange_name) {
    return "A header's name is no token: no blank belongs there, and no header goes on in the next line.\n";
  }
  if (seen.strange_value) {
    return "A header has a control character.\n";
  }
  if (seen.folded_length) {
    return "A header's name that begins with Content-Length or Transfer-Encoding goes on.\n";
  }
  const bool before_11 = std::string_view(line.version) == MHD_HTTP_VERSION_1_0;
  if (seen.hosts > 1 || (seen.hosts == 0 && !before_11)) {
    return "Exactly one Host header is needed.\n";
  }
  return "";
}

}  // namespace tcpperf::adapters::http

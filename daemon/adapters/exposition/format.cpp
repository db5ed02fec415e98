#include "adapters/exposition/format.h"

#include <array>
#include <utility>

#include "core/net/accept_list.h"

namespace tcpperf::adapters::exposition {
namespace {

constexpr std::array kFormats{Format::kText, Format::kOpenMetrics};

struct MediaType {
  std::string_view type;  // up to and with the slash
  std::string_view full;
  std::string_view version;
};

MediaType media_type(Format format) {
  switch (format) {
    case Format::kText: return {"text/", "text/plain", "0.0.4"};
    case Format::kOpenMetrics: return {"application/", "application/openmetrics-text", "1.0.0"};
  }
  return {};
}

// How precisely an item of the Accept header names a format; kNot: it does not.
enum class Match { kNot, kAnything, kType, kFull };

Match match(const core::AcceptItem& item, const MediaType& media) {
  if (core::equal_ignoring_case(item.name, media.full)) {
    const std::string_view version = item.parameter("version");
    return version.empty() || version == media.version ? Match::kFull : Match::kNot;
  }
  if (item.name.size() == media.type.size() + 1 && item.name.back() == '*' &&
      core::equal_ignoring_case(item.name.substr(0, media.type.size()), media.type)) {
    return Match::kType;
  }
  return item.name == "*/*" ? Match::kAnything : Match::kNot;
}

// Weight and precision of the most precise item that names the format (RFC 9110, 12.5.1).
std::pair<int, Match> rate(const std::vector<core::AcceptItem>& items, Format format) {
  std::pair<int, Match> best{0, Match::kNot};
  for (const core::AcceptItem& item : items) {
    const Match precision = match(item, media_type(format));
    if (precision != Match::kNot &&
        (precision > best.second || (precision == best.second && item.weight_permille > best.first))) {
      best = {item.weight_permille, precision};
    }
  }
  return best;
}

}  // namespace

Format negotiate(std::string_view accept) {
  const auto items = core::parse_accept_list(accept);
  Format best = Format::kText;
  for (const Format format : kFormats) {
    if (rate(items, format) > rate(items, best)) {
      best = format;
    }
  }
  return best;
}

std::string_view content_type(Format format) {
  switch (format) {
    case Format::kText: return "text/plain; version=0.0.4; charset=utf-8";
    case Format::kOpenMetrics: return "application/openmetrics-text; version=1.0.0; charset=utf-8";
  }
  return {};
}

const Encoder& encoder(Format format) {
  static const TextEncoder text;
  static const OpenMetricsEncoder openmetrics;
  switch (format) {
    case Format::kText: return text;
    case Format::kOpenMetrics: return openmetrics;
  }
  return text;
}

}  // namespace tcpperf::adapters::exposition

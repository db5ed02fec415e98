#include "adapters/exposition/format.h"

#include <array>
#include <utility>

#include "core/net/accept_list.h"

namespace tcpperf::adapters::exposition {
namespace {

constexpr std::array kFormats{Format::kText, Format::kOpenMetrics, Format::kProtobuf};
constexpr std::string_view kMessage = "io.prometheus.client.MetricFamily";

struct MediaType {
  std::string_view type;  // up to and with the slash; empty: no wildcard means it
  std::string_view full;
};

MediaType media_type(Format format) {
  switch (format) {
    case Format::kText: return {"text/", "text/plain"};
    case Format::kOpenMetrics: return {"application/", "application/openmetrics-text"};
    case Format::kProtobuf: return {"", "application/vnd.google.protobuf"};
  }
  return {};
}

// Whether the parameters of an item that names the format's media type allow for what we serve.
bool fits(const core::AcceptItem& item, Format format) {
  const std::string_view version = item.parameter("version");
  switch (format) {
    case Format::kText: return version.empty() || version == "0.0.4";
    case Format::kOpenMetrics: return version.empty() || version == "1.0.0";
    case Format::kProtobuf: return item.parameter("proto") == kMessage && item.parameter("encoding") == "delimited";
  }
  return false;
}

// How precisely an item of the Accept header names a format; kNot: it does not.
enum class Match { kNot, kAnything, kType, kFull };

Match match(const core::AcceptItem& item, Format format) {
  const MediaType media = media_type(format);
  if (core::equal_ignoring_case(item.name, media.full)) {
    return fits(item, format) ? Match::kFull : Match::kNot;
  }
  if (media.type.empty()) {
    return Match::kNot;
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
    const Match precision = match(item, format);
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
    case Format::kProtobuf:
      return "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
  }
  return {};
}

}  // namespace tcpperf::adapters::exposition

#include "adapters/exposition/write.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace tcpperf::adapters::exposition {
namespace {

// Fits every double in shortest fixed or scientific form within the ranges used below.
using Digits = std::array<char, 64>;

template <typename T, typename... Format>
std::string_view to_text(Digits& digits, T value, Format... format) {
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value, format...);
  return {digits.data(), static_cast<std::size_t>(result.ptr - digits.data())};
}

// True when written; finite numbers are left to the caller.
bool append_special(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return true;
  }
  if (std::isinf(value)) {
    out += value < 0 ? "-Inf" : "+Inf";
    return true;
  }
  return false;
}

unsigned char byte_at(std::string_view text, std::size_t i) {
  return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
}

bool is_continuation(unsigned char byte) {
  return (byte & 0xC0U) == 0x80U;
}

// Length of the well-formed UTF-8 sequence at the start of `text` (Unicode, table 3-7); 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const unsigned char first = byte_at(text, 0);
  const unsigned char second = byte_at(text, 1);
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xC2 && first <= 0xDF) {
    return is_continuation(second) ? 2 : 0;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned char low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned char high = first == 0xED ? 0x9F : 0xBF;
    return second >= low && second <= high && is_continuation(byte_at(text, 2)) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned char low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = first == 0xF4 ? 0x8F : 0xBF;
    return second >= low && second <= high && is_continuation(byte_at(text, 2)) && is_continuation(byte_at(text, 3))
               ? 4
               : 0;
  }
  return 0;
}

bool is_ordinary(char c) {
  return static_cast<unsigned char>(c) < 0x80 && c != '\\' && c != '\n' && c != '"';
}

}  // namespace

void append_integer(std::string& out, std::uint64_t value) {
  Digits digits;
  out += to_text(digits, value);
}

void append_integer(std::string& out, std::int64_t value) {
  Digits digits;
  out += to_text(digits, value);
}

void append_number(std::string& out, double value) {
  constexpr double kIntegerLimit = 9.2e18;  // below 2^63
  constexpr double kFixedFrom = 1e-4;
  if (append_special(out, value)) {
    return;
  }
  Digits digits;
  const double magnitude = std::fabs(value);
  if (magnitude < kIntegerLimit && std::trunc(value) == value) {
    out += to_text(digits, static_cast<std::int64_t>(value));
  } else if (magnitude >= kFixedFrom && magnitude < kIntegerLimit) {
    out += to_text(digits, value, std::chars_format::fixed);
  } else {
    out += to_text(digits, value, std::chars_format::scientific);
  }
}

void append_canonical_number(std::string& out, double value) {
  constexpr double kFixedFrom = 1e-4;
  constexpr double kFixedBelow = 1e6;
  if (append_special(out, value)) {
    return;
  }
  Digits digits;
  const double magnitude = std::fabs(value);
  if (magnitude != 0 && (magnitude < kFixedFrom || magnitude >= kFixedBelow)) {
    out += to_text(digits, value, std::chars_format::scientific);
    return;
  }
  const std::string_view text = to_text(digits, value, std::chars_format::fixed);
  out += text;
  if (text.find('.') == std::string_view::npos) {
    out += ".0";
  }
}

void append_escaped(std::string& out, std::string_view text, Quotes quotes) {
  while (!text.empty()) {
    const auto ordinary =
        static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_ordinary) - text.begin());
    out += text.substr(0, ordinary);
    text.remove_prefix(ordinary);
    if (text.empty()) {
      return;
    }
    std::size_t length = 1;
    if (text.front() == '\\') {
      out += "\\\\";
    } else if (text.front() == '\n') {
      out += "\\n";
    } else if (text.front() == '"') {
      out += quotes == Quotes::kEscaped ? "\\\"" : "\"";
    } else if (length = sequence_length(text); length != 0) {
      out += text.substr(0, length);
    } else {
      out += "\xEF\xBF\xBD";
      length = 1;
    }
    text.remove_prefix(length);
  }
}

void append_labels(std::string& out, const std::vector<prometheus::ClientMetric::Label>& labels) {
  bool first = true;
  for (const auto& label : labels) {
    if (!first) {
      out += ',';
    }
    first = false;
    out += label.name;
    out += "=\"";
    append_escaped(out, label.value, Quotes::kEscaped);
    out += '"';
  }
}

std::size_t estimate_page_bytes(const std::vector<prometheus::MetricFamily>& families) {
  constexpr std::size_t kMetadata = 64;  // around names and help
  constexpr std::size_t kLine = 48;      // suffix, border, value
  std::size_t bytes = kMetadata;
  for (const auto& family : families) {
    bytes += kMetadata + 3 * family.name.size() + family.help.size();
    for (const auto& metric : family.metric) {
      std::size_t line = kLine + family.name.size();
      for (const auto& label : metric.label) {
        line += 4 + label.name.size() + label.value.size();
      }
      bytes += line * (3 + metric.histogram.bucket.size() + metric.summary.quantile.size());
    }
  }
  return bytes;
}

}  // namespace tcpperf::adapters::exposition

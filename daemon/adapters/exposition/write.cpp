#include "adapters/exposition/write.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <sys/mman.h>
#include <unistd.h>

#include "core/base/utf8.h"

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
    } else if (length = core::utf8_sequence_length(text); length != 0) {
      out += text.substr(0, length);
    } else {
      out += core::kReplacementCharacter;
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

std::string_view without_total(std::string_view name) {
  constexpr std::string_view kTotal = "_total";
  return name.size() > kTotal.size() && name.ends_with(kTotal) ? name.substr(0, name.size() - kTotal.size()) : name;
}

std::string_view unit_of(std::string_view base_name) {
  constexpr std::array<std::string_view, 3> kSuffixes{"_seconds", "_bytes", "_ratio"};
  for (const std::string_view suffix : kSuffixes) {
    if (base_name.size() > suffix.size() && base_name.ends_with(suffix)) {
      return suffix.substr(1);
    }
  }
  return {};
}

void reserve_page(std::string& out, std::size_t bytes) {
  constexpr std::size_t kHugeFrom = std::size_t{8} << 20;
  out.reserve(bytes);
  if (bytes >= kHugeFrom) {
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto ahead = reinterpret_cast<std::uintptr_t>(out.data()) % page;  // of the memory page's begin
    madvise(out.data() - ahead, out.capacity() + ahead, MADV_HUGEPAGE);      // advice: where refused, it is slower
  }
}

}  // namespace tcpperf::adapters::exposition

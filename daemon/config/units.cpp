#include "config/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <system_error>

#include "config/text.h"

namespace tcpperf::config {
namespace {

constexpr std::uint64_t kMostNanoseconds = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kLastPort = 65535;
constexpr std::size_t kCpuShareDecimals = 4;
constexpr std::uint32_t kPerCent = 10'000;  // millionths
constexpr std::uint32_t kLeastCpuShare = kPerCent / 100;
constexpr std::uint32_t kMostCpuShare = 100 * kPerCent;

struct DurationUnit {
  std::string_view name;
  std::uint64_t nanoseconds;
};
// Larger first.
constexpr std::array<DurationUnit, 6> kUnits = {{{"h", 3'600'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"ms", kMillisecond},
                                                 {"us", 1'000},
                                                 {"ns", 1}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// a * b + c, or 2^64-1 when that is less.
std::uint64_t saturating(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  std::uint64_t product = 0;
  std::uint64_t sum = 0;
  if (__builtin_mul_overflow(a, b, &product) || __builtin_add_overflow(product, c, &sum)) {
    return kMostNanoseconds;
  }
  return sum;
}

core::Error not_a_duration(std::string_view text) {
  return {"expected a duration such as 500ms, 5s or 1m30s, found " + quoted(text)};
}

core::Error not_a_cpu_share(std::string_view text) {
  return {"expected off or a percentage of one CPU from 0.01% to 100%, such as 0.5%, found " + quoted(text)};
}

core::Error not_a_port(std::string_view text) {
  return {"expected a port from 1 to 65535 or a range such as 8000-8100, found " + quoted(text)};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const std::optional<std::uint64_t> number = parse_whole_number(text);
  if (!number || *number < 1 || *number > kLastPort) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(*number);
}

// "host", "host:port", "[address]" or "[address]:port".
bool is_authority(std::string_view text) {
  std::size_t host_end = 0;
  if (text.substr(0, 1) == "[") {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close == 1 ||
        text.substr(1, close - 1).find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) {
      return false;
    }
    host_end = close + 1;
  } else {
    host_end = std::min(text.find(':'), text.size());
    if (host_end == 0 || text.substr(0, host_end).find_first_of("[]@") != std::string_view::npos) {
      return false;
    }
  }
  const std::string_view rest = text.substr(host_end);
  return rest.empty() || (rest.front() == ':' && parse_port(rest.substr(1)));
}

}  // namespace

std::optional<std::uint64_t> parse_whole_number(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit) || (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc()) {
    return std::numeric_limits<std::uint64_t>::max();
  }
  return value;
}

core::Result<std::uint64_t> parse_duration(std::string_view text, FinestUnit finest) {
  if (parse_whole_number(text)) {
    const std::string_view units = finest == FinestUnit::kMilliseconds ? "ms, s, m or h" : "ns, us, ms, s, m or h";
    return core::Error{"expected a duration with its unit (" + std::string(units) + "), found " + quoted(text)};
  }
  std::uint64_t total = 0;
  std::string_view rest = text;
  auto unit = kUnits.begin();
  do {
    const auto digits = static_cast<std::size_t>(std::find_if_not(rest.begin(), rest.end(), is_digit) - rest.begin());
    const std::optional<std::uint64_t> number = parse_whole_number(rest.substr(0, digits));
    rest.remove_prefix(digits);
    const std::string_view name =
        rest.substr(0, static_cast<std::size_t>(std::find_if(rest.begin(), rest.end(), is_digit) - rest.begin()));
    rest.remove_prefix(name.size());
    unit = std::find_if(unit, kUnits.end(), [&](const DurationUnit& candidate) { return candidate.name == name; });
    const bool too_fine =
        unit != kUnits.end() && finest == FinestUnit::kMilliseconds && unit->nanoseconds < kMillisecond;
    if (!number || unit == kUnits.end() || too_fine) {
      return not_a_duration(text);
    }
    total = saturating(*number, unit->nanoseconds, total);
    ++unit;
  } while (!rest.empty());
  return total;
}

std::string format_duration(std::uint64_t nanoseconds) {
  if (nanoseconds == 0) {
    return "0s";
  }
  std::string text;
  for (const DurationUnit& unit : kUnits) {
    if (nanoseconds >= unit.nanoseconds) {
      text += std::to_string(nanoseconds / unit.nanoseconds) + std::string(unit.name);
      nanoseconds %= unit.nanoseconds;
    }
  }
  return text;
}

core::Result<std::uint32_t> parse_cpu_share(std::string_view text) {
  if (text.empty() || text.back() != '%') {
    return not_a_cpu_share(text);
  }
  const std::string_view number = text.substr(0, text.size() - 1);
  const std::size_t point = number.find('.');
  const std::string_view decimals = point == std::string_view::npos ? "" : number.substr(point + 1);
  const std::optional<std::uint64_t> whole = parse_whole_number(number.substr(0, point));
  if (!whole || *whole > 100 || (point != std::string_view::npos && decimals.empty()) ||
      decimals.size() > kCpuShareDecimals || !std::all_of(decimals.begin(), decimals.end(), is_digit)) {
    return not_a_cpu_share(text);
  }
  std::uint64_t millionths = *whole;
  for (std::size_t i = 0; i < kCpuShareDecimals; ++i) {
    millionths = 10 * millionths + (i < decimals.size() ? static_cast<std::uint64_t>(decimals[i] - '0') : 0);
  }
  if (millionths < kLeastCpuShare || millionths > kMostCpuShare) {
    return not_a_cpu_share(text);
  }
  return static_cast<std::uint32_t>(millionths);
}

std::string format_cpu_share(std::uint32_t millionths) {
  std::string decimals = std::to_string(millionths % kPerCent);
  decimals.insert(0, kCpuShareDecimals - decimals.size(), '0');
  decimals.erase(decimals.find_last_not_of('0') + 1);
  return std::to_string(millionths / kPerCent) + (decimals.empty() ? "" : "." + decimals) + "%";
}

core::Result<PortRange> parse_port_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const std::optional<std::uint16_t> first = parse_port(text.substr(0, dash));
  const std::optional<std::uint16_t> last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last) {
    return not_a_port(text);
  }
  if (*first > *last) {
    return core::Error{"the range " + quoted(text) + " is reversed; write " + std::to_string(*last) + "-" +
                       std::to_string(*first)};
  }
  return PortRange{*first, *last};
}

core::Result<void> check_http_url(std::string_view text) {
  const core::Error error{"expected a URL such as https://host:8080/path, found " + quoted(text)};
  std::string_view rest = text;
  if (rest.substr(0, 7) == "http://") {
    rest.remove_prefix(7);
  } else if (rest.substr(0, 8) == "https://") {
    rest.remove_prefix(8);
  } else {
    return error;
  }
  // A URL is printable ASCII; anything else in it is written %xx.
  if (!std::all_of(rest.begin(), rest.end(), [](char c) { return c > ' ' && c <= '~'; })) {
    return error;
  }
  std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (const std::size_t user_end = authority.rfind('@'); user_end != std::string_view::npos) {
    authority.remove_prefix(user_end + 1);
  }
  return is_authority(authority) ? core::Result<void>() : error;
}

}  // namespace tcpperf::config

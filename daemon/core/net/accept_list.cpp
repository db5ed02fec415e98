#include "core/net/accept_list.h"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace tcpperf::core {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes the text up to the next `separator` outside of quotes off the front of `rest`.
std::string_view take_until(char separator, std::string_view& rest) {
  bool quoted = false;
  std::size_t i = 0;
  for (; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      quoted = !quoted;
    } else if (rest[i] == '\\' && quoted) {
      ++i;
    } else if (rest[i] == separator && !quoted) {
      break;
    }
  }
  const std::string_view taken = rest.substr(0, i);
  rest.remove_prefix(std::min(i + 1, rest.size()));
  return trim(taken);
}

// "0", "0.5", "1.000": at most three decimals, at most 1.
std::optional<int> parse_weight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') || (text.size() > 1 && text[1] != '.')) {
    return std::nullopt;
  }
  int permille = (text[0] - '0') * AcceptItem::kFullWeight;
  int unit = AcceptItem::kFullWeight / 10;
  for (std::size_t i = 2; i < text.size(); ++i, unit /= 10) {
    if (text[i] < '0' || text[i] > '9') {
      return std::nullopt;
    }
    permille += (text[i] - '0') * unit;
  }
  return permille <= AcceptItem::kFullWeight ? std::optional<int>(permille) : std::nullopt;
}

std::optional<std::string_view> find_parameter(std::string_view parameters, std::string_view name) {
  while (!parameters.empty()) {
    std::string_view value = take_until(';', parameters);
    const std::string_view key = take_until('=', value);
    if (equal_ignoring_case(key, name)) {
      value = trim(value);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view AcceptItem::parameter(std::string_view parameter_name) const {
  return find_parameter(parameters, parameter_name).value_or(std::string_view());
}

std::vector<AcceptItem> parse_accept_list(std::string_view header) {
  std::vector<AcceptItem> items;
  while (!header.empty()) {
    AcceptItem item;
    item.parameters = take_until(',', header);
    item.name = take_until(';', item.parameters);
    if (item.name.empty()) {
      continue;
    }
    if (const auto weight_text = find_parameter(item.parameters, "q")) {
      const auto weight = parse_weight(*weight_text);
      if (!weight) {
        continue;
      }
      item.weight_permille = *weight;
    }
    items.push_back(item);
  }
  return items;
}

}  // namespace tcpperf::core

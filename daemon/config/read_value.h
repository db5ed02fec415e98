// Reading single values of the tree. Each function returns nothing after it has logged what was expected instead.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/error.h"
#include "config/units.h"
#include "config/yaml_tree.h"

namespace tcpperf::config {

// A node and how to name it in a message: "alerts[0].window". The path of the whole file is empty. Refers to the tree.
struct Value {
  const YamlNode* node;
  std::string path;

  [[nodiscard]] Value child(std::string_view key, const YamlNode& entry) const;
  [[nodiscard]] Value item(std::size_t index) const;
};

// "<path>: <message>" at the place of the value.
void add_error(ErrorLog& log, const Value& value, const std::string& message);

// "<path>: expected <phrase>, found <what is there>".
void add_mismatch(ErrorLog& log, const Value& value, const std::string& expected);

// Both ends included.
struct CountRange {
  std::uint64_t min = 0;
  std::uint64_t max = 0;
};
struct DurationRange {
  std::uint64_t min_ns = 0;
  std::uint64_t max_ns = 0;
};
std::string to_string(const CountRange& range);     // "1 to 10"
std::string to_string(const DurationRange& range);  // "100ms to 1h"

constexpr std::uint64_t to_ns(std::chrono::milliseconds duration) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(duration).count());
}

// `expected` is a phrase for the message: "a duration such as 5s".
std::optional<std::string_view> read_scalar(ErrorLog& log, const Value& value, std::string_view expected);
std::optional<bool> read_bool(ErrorLog& log, const Value& value);
std::optional<std::uint64_t> read_count(ErrorLog& log, const Value& value, CountRange range);
std::optional<std::uint64_t> read_duration(ErrorLog& log, const Value& value, DurationRange range, FinestUnit finest);

inline constexpr std::size_t kLongestList = 1024;

// The items of a list; a scalar is a list of one, nothing an empty list. Too long a list is logged and cut.
std::vector<Value> read_list(ErrorLog& log, const Value& value);

}  // namespace tcpperf::config

#include "config/read_value.h"

#include <algorithm>

#include "config/text.h"

namespace tcpperf::config {
namespace {

std::string description(const YamlNode& node) {
  switch (node.kind) {
    case NodeKind::kNull: return "nothing";
    case NodeKind::kScalar: return quoted(node.text);
    case NodeKind::kList: return "a list";
    case NodeKind::kMap: return "a map";
  }
  return "";
}

}  // namespace

Value Value::child(std::string_view key, const YamlNode& entry) const {
  return {&entry, path.empty() ? std::string(key) : path + "." + std::string(key)};
}

Value Value::item(std::size_t index) const {
  return {node->items[index], path + "[" + std::to_string(index) + "]"};
}

void add_error(ErrorLog& log, const Value& value, const std::string& message) {
  log.add(value.node->at, value.path.empty() ? message : value.path + ": " + message);
}

void add_mismatch(ErrorLog& log, const Value& value, const std::string& expected) {
  add_error(log, value, "expected " + expected + ", found " + description(*value.node));
}

std::string to_string(const CountRange& range) {
  return std::to_string(range.min) + " to " + std::to_string(range.max);
}

std::string to_string(const DurationRange& range) {
  return format_duration(range.min_ns) + " to " + format_duration(range.max_ns);
}

std::optional<std::string_view> read_scalar(ErrorLog& log, const Value& value, std::string_view expected) {
  if (value.node->kind != NodeKind::kScalar) {
    add_mismatch(log, value, std::string(expected));
    return std::nullopt;
  }
  return value.node->text;
}

std::optional<bool> read_bool(ErrorLog& log, const Value& value) {
  const bool scalar = value.node->kind == NodeKind::kScalar;
  if (scalar && value.node->text == "true") {
    return true;
  }
  if (scalar && value.node->text == "false") {
    return false;
  }
  add_mismatch(log, value, "true or false");
  return std::nullopt;
}

std::optional<std::uint64_t> read_count(ErrorLog& log, const Value& value, CountRange range) {
  std::optional<std::uint64_t> number;
  if (value.node->kind == NodeKind::kScalar) {
    number = parse_whole_number(value.node->text);
  }
  if (!number || *number < range.min || *number > range.max) {
    add_mismatch(log, value, "a whole number from " + to_string(range));
    return std::nullopt;
  }
  return number;
}

std::optional<std::uint64_t> read_duration(ErrorLog& log, const Value& value, DurationRange range, FinestUnit finest) {
  const auto text = read_scalar(log, value, "a duration from " + to_string(range));
  if (!text) {
    return std::nullopt;
  }
  const auto duration = parse_duration(*text, finest);
  if (!duration) {
    add_error(log, value, duration.error().message);
    return std::nullopt;
  }
  if (*duration < range.min_ns || *duration > range.max_ns) {
    add_mismatch(log, value, "a duration from " + to_string(range));
    return std::nullopt;
  }
  return *duration;
}

std::vector<Value> read_list(ErrorLog& log, const Value& value) {
  switch (value.node->kind) {
    case NodeKind::kNull: return {};
    case NodeKind::kScalar: return {value};
    case NodeKind::kMap: add_mismatch(log, value, "a list"); return {};
    case NodeKind::kList: break;
  }
  const std::size_t length = value.node->items.size();
  if (length > kLongestList) {
    add_error(log, value,
              "expected at most " + std::to_string(kLongestList) + " entries, found " + std::to_string(length));
  }
  std::vector<Value> items;
  for (std::size_t i = 0; i < std::min(length, kLongestList); ++i) {
    items.push_back(value.item(i));
  }
  return items;
}

}  // namespace tcpperf::config

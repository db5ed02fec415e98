// A map of the configuration as a table of its keys. The same table reads the map, checks it and documents it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/error.h"
#include "config/read_value.h"

namespace tcpperf::config {

// What the documentation says about a key.
struct KeyRow {
  std::string path;  // "alerts[].window"
  std::string type;
  std::string fallback;  // what holds without it; "required"; empty for a map
  std::string range{};   // empty when the type says it all
  std::string meaning;
};

// One key of the map that fills a T.
template <typename T>
struct Key {
  KeyRow row;  // path: the key alone
  bool required = false;
  std::vector<KeyRow> children{};  // the rows below it, with paths from this map on
  std::function<void(ErrorLog& log, const Value& value, T& out)> read{};
};

struct KeyName {
  std::string_view name;
  bool required = false;
};

// The value of each known key, nullptr where it is not given. Logs unknown, duplicate and missing keys and keys that
// are not text; nothing given is an empty map.
std::vector<const YamlNode*> match_keys(ErrorLog& log, const Value& map, const std::vector<KeyName>& known);

template <typename T>
void read_map(ErrorLog& log, const Value& map, const std::vector<Key<T>>& keys, T& out) {
  std::vector<KeyName> names;
  names.reserve(keys.size());
  for (const Key<T>& key : keys) {
    names.push_back({key.row.path, key.required});
  }
  const std::vector<const YamlNode*> values = match_keys(log, map, names);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (values[i] != nullptr) {
      keys[i].read(log, map.child(keys[i].row.path, *values[i]), out);
    }
  }
}

// The rows of a table and of all tables below it; each path begins with `prefix`.
template <typename T>
std::vector<KeyRow> rows_of(const std::vector<Key<T>>& keys, const std::string& prefix) {
  std::vector<KeyRow> rows;
  for (const Key<T>& key : keys) {
    rows.push_back(key.row);
    rows.insert(rows.end(), key.children.begin(), key.children.end());
  }
  for (KeyRow& row : rows) {
    row.path.insert(0, prefix);
  }
  return rows;
}

// Kinds of keys. `name` is the YAML key, `member` where the value goes; its default is that of a T{}.

template <typename T>
Key<T> bool_key(std::string name, bool T::*member, std::string meaning) {
  return {.row = {std::move(name), "true or false", T{}.*member ? "true" : "false", "", std::move(meaning)},
          .read = [member](ErrorLog& log, const Value& value, T& out) {
            out.*member = read_bool(log, value).value_or(out.*member);
          }};
}

template <typename T, typename Number>
Key<T> count_key(std::string name, Number T::*member, CountRange range, std::string meaning) {
  return {.row = {std::move(name), "whole number", std::to_string(T{}.*member), to_string(range), std::move(meaning)},
          .read = [member, range](ErrorLog& log, const Value& value, T& out) {
            out.*member = static_cast<Number>(read_count(log, value, range).value_or(out.*member));
          }};
}

template <typename T>
Key<T> duration_key(std::string name, std::chrono::milliseconds T::*member, std::chrono::milliseconds min,
                    std::chrono::milliseconds max, std::string meaning) {
  const DurationRange range{to_ns(min), to_ns(max)};
  return {
      .row = {std::move(name), "duration", format_duration(to_ns(T{}.*member)), to_string(range), std::move(meaning)},
      .read = [member, range](ErrorLog& log, const Value& value, T& out) {
        if (const auto ns = read_duration(log, value, range, FinestUnit::kMilliseconds)) {
          out.*member = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(*ns));
        }
      }};
}

// What a text must be. `read` turns the scalar into the value or says what is wrong with it.
struct TextRule {
  std::string type = "text";
  std::string range{};
  bool required = false;
  std::function<core::Result<std::string>(std::string_view text)> read{};
};

template <typename T>
Key<T> text_key(std::string name, std::string T::*member, TextRule rule, std::string meaning) {
  return {.row = {std::move(name), rule.type, rule.required ? "required" : "empty", rule.range, std::move(meaning)},
          .required = rule.required,
          .read = [member, rule](ErrorLog& log, const Value& value, T& out) {
            const auto text = read_scalar(log, value, rule.type);
            if (!text) {
              return;
            }
            auto result = rule.read(*text);
            if (result) {
              out.*member = std::move(*result);
            } else {
              add_error(log, value, result.error().message);
            }
          }};
}

template <typename E>
using Choices = std::vector<std::pair<std::string_view, E>>;

// One of a few words.
template <typename T, typename E>
Key<T> choice_key(std::string name, E T::*member, const Choices<E>& choices, std::string meaning) {
  std::string allowed;
  std::string fallback;
  for (const auto& [word, choice] : choices) {
    allowed += (allowed.empty() ? "" : ", ") + std::string(word);
    fallback = choice == T{}.*member ? std::string(word) : fallback;
  }
  return {.row = {std::move(name), "one of", fallback, allowed, std::move(meaning)},
          .read = [member, choices, allowed](ErrorLog& log, const Value& value, T& out) {
            const auto text = read_scalar(log, value, "one of " + allowed);
            if (!text) {
              return;
            }
            for (const auto& [word, choice] : choices) {
              if (word == *text) {
                out.*member = choice;
                return;
              }
            }
            add_mismatch(log, value, "one of " + allowed);
          }};
}

// A map in the map. Nothing given leaves its defaults.
template <typename T, typename M>
Key<T> map_key(const std::string& name, M T::*member, const std::vector<Key<M>>& keys, std::string meaning) {
  return {
      .row = {name, "map", "", "", std::move(meaning)},
      .children = rows_of(keys, name + "."),
      .read = [member, keys](ErrorLog& log, const Value& value, T& out) { read_map(log, value, keys, out.*member); }};
}

// A map that switches something on by being there. Nothing given is off.
template <typename T, typename M>
Key<T> optional_map_key(const std::string& name, std::optional<M> T::*member, const std::vector<Key<M>>& keys,
                        std::string meaning) {
  return {.row = {name, "map", "off", "", std::move(meaning)},
          .children = rows_of(keys, name + "."),
          .read = [member, keys](ErrorLog& log, const Value& value, T& out) {
            if (value.node->kind != NodeKind::kNull) {
              read_map(log, value, keys, (out.*member).emplace());
            }
          }};
}

}  // namespace tcpperf::config

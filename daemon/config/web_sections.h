// The sections of the web configuration file, one key table each. Internal to this room.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "config/keys.h"
#include "config/web.h"

namespace tcpperf::config {

Key<core::WebSecurity> tls_server_key(const WebContext& context);

// Nothing and an empty text are what the toolkit takes for a key that is not there.
inline bool is_absent(const YamlNode& node) {
  return node.kind == NodeKind::kNull || (node.kind == NodeKind::kScalar && node.text.empty());
}

template <typename T>
Key<T> absent_if_empty(Key<T> key) {
  key.read = [read = std::move(key.read)](ErrorLog& log, const Value& value, T& out) {
    if (!is_absent(*value.node)) {
      read(log, value, out);
    }
  };
  return key;
}

// A boolean in all the words of YAML 1.1, as the toolkit reads it: not in quotes.
template <typename T>
Key<T> yaml_bool_key(std::string name, bool T::*member, std::string meaning) {
  Key<T> key = bool_key(std::move(name), member, std::move(meaning));
  key.read = [member](ErrorLog& log, const Value& value, T& out) {
    static constexpr std::array<std::string_view, 11> kYes{"true", "True", "TRUE", "yes", "Yes", "YES",
                                                           "on",   "On",   "ON",   "y",   "Y"};
    static constexpr std::array<std::string_view, 11> kNo{"false", "False", "FALSE", "no", "No", "NO",
                                                          "off",   "Off",   "OFF",   "n",  "N"};
    const auto is_one_of = [&](const auto& words) {
      return value.node->kind == NodeKind::kScalar && !value.node->quoted &&
             std::find(words.begin(), words.end(), value.node->text) != words.end();
    };
    if (is_one_of(kYes) || is_one_of(kNo)) {
      out.*member = is_one_of(kYes);
    } else if (value.node->kind == NodeKind::kScalar && value.node->quoted) {
      add_error(log, value, "expected true or false without quotes");
    } else if (value.node->kind != NodeKind::kNull) {
      add_mismatch(log, value, "true or false");
    }
  };
  return key;
}

}  // namespace tcpperf::config

#include "config/keys.h"

#include <algorithm>

#include "config/text.h"
#include "core/base/suggestion.h"

namespace tcpperf::config {

std::vector<const YamlNode*> match_keys(ErrorLog& log, const Value& map, const std::vector<KeyName>& known) {
  std::vector<const YamlNode*> values(known.size(), nullptr);
  if (map.node->kind != NodeKind::kMap && map.node->kind != NodeKind::kNull) {
    add_mismatch(log, map, "a map");
    return values;
  }
  std::vector<std::string_view> names;
  names.reserve(known.size());
  for (const KeyName& key : known) {
    names.push_back(key.name);
  }
  std::vector<Position> given_at(known.size());
  for (const auto& [key, value] : map.node->entries) {
    if (log.full()) {
      return values;
    }
    const Value at_key{key, map.path};
    if (key->kind != NodeKind::kScalar) {
      add_mismatch(log, at_key, "a key");
      continue;
    }
    const auto name = std::find(names.begin(), names.end(), key->text);
    if (name == names.end()) {
      add_error(log, at_key, "unknown key " + quoted(key->text) + core::suggestion(key->text, "allowed", names));
      continue;
    }
    const auto index = static_cast<std::size_t>(name - names.begin());
    if (values[index] != nullptr) {
      add_error(log, at_key,
                "duplicate key " + quoted(key->text) + "; first given on line " + std::to_string(given_at[index].line));
      continue;
    }
    values[index] = value;
    given_at[index] = key->at;
  }
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (known[i].required && values[i] == nullptr) {
      add_error(log, map, "missing key " + quoted(known[i].name));
    }
  }
  return values;
}

}  // namespace tcpperf::config

// A YAML document as a tree with the place of every value. Knows nothing of what the values mean.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/error.h"

namespace tcpperf::config {

inline constexpr std::size_t kLargestFile = std::size_t{1} << 20U;  // bytes
inline constexpr int kDeepestNesting = 32;
inline constexpr std::size_t kMostValues = 100'000;

enum class NodeKind { kNull, kScalar, kList, kMap };

struct YamlNode {
  NodeKind kind = NodeKind::kNull;
  Position at;
  std::string text;                    // kScalar: without quotes, escapes resolved; free of control characters
  bool quoted = false;                 // kScalar: it had quotes, so it is text whatever it looks like
  std::vector<const YamlNode*> items;  // kList
  // kMap: in the order of the file, duplicates included; a key may be any kind of node.
  std::vector<std::pair<const YamlNode*, const YamlNode*>> entries;
};

// Owns its nodes; an alias is a second pointer to the same node, so the tree may even contain itself. Movable: nodes
// keep their addresses.
struct YamlTree {
  std::deque<YamlNode> nodes;
  const YamlNode* root = nullptr;  // never null; kNull for a file without content
};

// The value of the first entry with this key; nullptr when there is none or `map` is not a map.
const YamlNode* find_entry(const YamlNode& map, std::string_view key);

// Reads one document. nullopt when the text is too large, not UTF-8, not YAML, nested too deeply, or more than one
// document; the log says which. Any thread.
std::optional<YamlTree> load_yaml(std::string_view text, ErrorLog& log);

}  // namespace tcpperf::config

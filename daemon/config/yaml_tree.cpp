#include "config/yaml_tree.h"

#include <algorithm>
#include <exception>
#include <map>
#include <sstream>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "config/text.h"

namespace tcpperf::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Thrown out of the callbacks to make yaml-cpp stop; never leaves this file.
struct Refused {
  Position at;
  std::string message;
};

// yaml-cpp counts lines and bytes from 0.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text), line_starts_{0} {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') {
        line_starts_.push_back(i + 1);
      }
    }
  }

  Position of(const YAML::Mark& mark) {
    if (mark.line < 0 || mark.column < 0) {
      return {};
    }
    const auto line = static_cast<std::size_t>(mark.line);
    if (line >= line_starts_.size()) {
      return {mark.line + 1, 0};
    }
    // Marks mostly come in the order of the text: counting goes on from the last one, or a long line would be counted
    // again for every value in it.
    const std::size_t offset = std::min(text_.size(), line_starts_[line] + static_cast<std::size_t>(mark.column));
    if (line != line_ || offset < offset_) {
      line_ = line;
      offset_ = line_starts_[line];
      column_ = 1;
    }
    column_ += position_of(text_.substr(offset_, offset - offset_), offset - offset_).column - 1;
    offset_ = offset;
    return {mark.line + 1, column_};
  }

  [[nodiscard]] std::string_view line_at(const YAML::Mark& mark) const {
    const auto line = static_cast<std::size_t>(std::max(mark.line, 0));
    return line < line_starts_.size() ? text_.substr(line_starts_[line]) : std::string_view();
  }

 private:
  std::string_view text_;
  std::vector<std::size_t> line_starts_;
  // The last place asked for.
  std::size_t line_ = 0;
  std::size_t offset_ = 0;
  int column_ = 1;
};

// yaml-cpp quotes single bytes of the text, even half of a character.
std::string printable(std::string message) {
  std::replace_if(
      message.begin(), message.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return message;
}

// Builds the tree from yaml-cpp's events. Events instead of YAML::Node, because a Node drops duplicate keys' places,
// recurses without limit in its destructor, and cannot be refused half way.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(std::string_view text) : places_(text) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (tree_.root != nullptr) {
      const bool marked = places_.line_at(mark).substr(0, 3) == "---";
      throw Refused{places_.of(mark), marked ? "a second document begins here; a configuration is one document"
                                             : "does not belong to what precedes it; check the indentation"};
    }
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& /*mark*/, const std::string& /*name*/) override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(NodeKind::kNull, mark, anchor); }
  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t anchor) override { attach(anchors_.at(anchor)); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (const auto bad = find_bad_character(value)) {
      throw Refused{places_.of(mark), bad->what + " in a value"};
    }
    YamlNode& node = add(NodeKind::kScalar, mark, anchor);
    node.text = value;
    node.quoted = tag == "!";
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(add(NodeKind::kList, mark, anchor), mark);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(add(NodeKind::kMap, mark, anchor), mark);
  }
  void OnMapEnd() override { open_.pop_back(); }

  Position place_of(const YAML::Mark& mark) { return places_.of(mark); }

  // The tree; call once, after the last event.
  YamlTree take() {
    if (tree_.root == nullptr) {
      YamlNode& nothing = tree_.nodes.emplace_back();
      nothing.at = {1, 1};
      tree_.root = &nothing;
    }
    return std::move(tree_);
  }

 private:
  struct Open {
    YamlNode* node;
    const YamlNode* key = nullptr;  // kMap: read, its value not yet
  };

  YamlNode& add(NodeKind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (tree_.nodes.size() >= kMostValues) {
      throw Refused{places_.of(mark), "more than " + std::to_string(kMostValues) + " values"};
    }
    YamlNode& node = tree_.nodes.emplace_back();
    node.kind = kind;
    node.at = places_.of(mark);
    if (kind == NodeKind::kNull && !open_.empty()) {
      // yaml-cpp gives an absent value the place of whatever comes next.
      node.at = open_.back().key != nullptr ? open_.back().key->at : open_.back().node->at;
    }
    if (anchor != YAML::NullAnchor) {
      anchors_[anchor] = &node;
    }
    attach(&node);
    return node;
  }

  void attach(const YamlNode* node) {
    if (open_.empty()) {
      tree_.root = node;
      return;
    }
    Open& parent = open_.back();
    if (parent.node->kind == NodeKind::kList) {
      parent.node->items.push_back(node);
    } else if (parent.key == nullptr) {
      parent.key = node;
    } else {
      parent.node->entries.emplace_back(parent.key, node);
      parent.key = nullptr;
    }
  }

  void open(YamlNode& node, const YAML::Mark& mark) {
    if (open_.size() >= kDeepestNesting) {
      throw Refused{places_.of(mark), "nested more than " + std::to_string(kDeepestNesting) + " levels deep"};
    }
    open_.push_back({&node});
  }

  Places places_;
  YamlTree tree_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, const YamlNode*> anchors_;
};

}  // namespace

const YamlNode* find_entry(const YamlNode& map, std::string_view key) {
  for (const auto& [name, value] : map.entries) {
    if (name->kind == NodeKind::kScalar && name->text == key) {
      return value;
    }
  }
  return nullptr;
}

std::optional<YamlTree> load_yaml(std::string_view text, ErrorLog& log) {
  if (text.size() > kLargestFile) {
    log.add({}, "larger than " + std::to_string(kLargestFile) + " bytes");
    return std::nullopt;
  }
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text.remove_prefix(kByteOrderMark.size());
  }
  if (const auto bad = find_bad_character(text)) {
    log.add(position_of(text, bad->offset), bad->what);
    return std::nullopt;
  }
  Builder builder(text);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.take();
  } catch (const Refused& refused) {
    log.add(refused.at, refused.message);
  } catch (const YAML::Exception& error) {
    log.add(builder.place_of(error.mark), "not valid YAML: " + printable(error.msg));
  } catch (const std::exception& error) {
    log.add({}, "not readable as YAML: " + std::string(error.what()));
  }
  return std::nullopt;
}

}  // namespace tcpperf::config

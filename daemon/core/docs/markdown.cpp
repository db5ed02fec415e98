#include "core/docs/markdown.h"

namespace tcpperf::core {

std::string markdown_code(std::string_view text) {
  return text.empty() ? "" : "`" + std::string(text) + "`";
}

MarkdownTable::MarkdownTable(const std::vector<std::string>& headings) {
  add(headings);
  for (std::size_t i = 0; i < headings.size(); ++i) {
    text_ += "| --- ";
  }
  text_ += "|\n";
}

void MarkdownTable::add(const std::vector<std::string>& cells) {
  for (const std::string& cell : cells) {
    text_ += "| ";
    for (const char c : cell) {
      if (c == '|') {
        text_ += "\\|";
      } else {
        text_ += c == '\n' || c == '\r' ? ' ' : c;
      }
    }
    text_ += cell.empty() ? "" : " ";
  }
  text_ += "|\n";
}

}  // namespace tcpperf::core

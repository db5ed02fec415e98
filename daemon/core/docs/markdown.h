// Markdown tables whose cells may contain any text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tcpperf::core {

// `text` as code; empty for an empty text. Precondition: no backtick in it.
std::string markdown_code(std::string_view text);

class MarkdownTable {
 public:
  explicit MarkdownTable(const std::vector<std::string>& headings);

  // One cell per heading. Bars are escaped and line ends become blanks, so that a cell stays a cell.
  void add(const std::vector<std::string>& cells);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace tcpperf::core

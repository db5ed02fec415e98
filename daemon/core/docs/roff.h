// Manual pages in the language of man(7), whose texts may hold any character.
#pragma once

#include <string>
#include <string_view>

namespace tcpperf::core {

// `text` in bold or italics, as it is. May be part of a term of a ManualPage.
std::string roff_bold(std::string_view text);
std::string roff_italic(std::string_view text);

class ManualPage {
 public:
  // `source`: the program and its version. `summary` follows the name in lists of manual pages.
  ManualPage(std::string_view name, int section, std::string_view source, std::string_view summary);

  void section(std::string_view heading);
  // What stands between backticks in a text is shown in bold.
  void paragraph(std::string_view text);
  // `term` is of roff_bold(), roff_italic() and plain punctuation.
  void entry(std::string_view term, std::string_view text);
  // Lines that stay as they are.
  void example(std::string_view lines);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void begin_paragraph();
  void prose(std::string_view text);

  std::string text_;
  bool begun_ = false;  // the section has text
};

}  // namespace tcpperf::core

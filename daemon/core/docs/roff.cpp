#include "core/docs/roff.h"

#include <algorithm>
#include <cstddef>

namespace tcpperf::core {
namespace {

constexpr std::size_t kLineLength = 78;

std::string escape(char c, bool literal) {
  switch (c) {
    case '\\': return "\\e";
    case '-': return literal ? "\\-" : "-";
    case '\'': return literal ? "\\(aq" : "'";
    case '`': return literal ? "\\(ga" : "`";
    case '^': return "\\(ha";
    case '~': return "\\(ti";
    case '\n':
    case '\r': return literal ? std::string(1, c) : " ";
    default: return std::string(1, c);
  }
}

std::string literal(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += escape(c, /*literal=*/true);
  }
  return out;
}

// A line that begins with one of these would be a request.
std::string guarded(const std::string& line) {
  return line.starts_with('.') || line.starts_with('\'') ? "\\&" + line : line;
}

}  // namespace

std::string roff_bold(std::string_view text) {
  return "\\fB" + literal(text) + "\\fR";
}

std::string roff_italic(std::string_view text) {
  return "\\fI" + literal(text) + "\\fR";
}

ManualPage::ManualPage(std::string_view name, int section, std::string_view source, std::string_view summary) {
  text_ = ".TH \"" + literal(name) + "\" \"" + std::to_string(section) + "\" \"\" \"" + literal(source) +
          "\"\n.nh\n.ad l\n";  // words and lines as they are: names are copied from manual pages
  this->section("NAME");
  text_ += literal(name) + " \\- " + literal(summary) + "\n";
}

void ManualPage::section(std::string_view heading) {
  text_ += ".SH " + literal(heading) + "\n";
  begun_ = false;
}

void ManualPage::paragraph(std::string_view text) {
  begin_paragraph();
  prose(text);
}

void ManualPage::entry(std::string_view term, std::string_view text) {
  begun_ = true;
  text_ += ".TP\n" + guarded(std::string(term)) + "\n";
  prose(text);
}

void ManualPage::example(std::string_view lines) {
  begin_paragraph();
  text_ += ".nf\n.RS 4\n";
  std::size_t begin = 0;
  while (begin < lines.size()) {
    const std::size_t end = std::min(lines.find('\n', begin), lines.size());
    text_ += guarded(literal(lines.substr(begin, end - begin))) + "\n";
    begin = end + 1;
  }
  text_ += ".RE\n.fi\n";
}

void ManualPage::begin_paragraph() {
  text_ += begun_ ? ".PP\n" : "";
  begun_ = true;
}

void ManualPage::prose(std::string_view text) {
  std::string line;
  std::string word;
  bool bold = false;
  const auto end_word = [&] {
    if (!line.empty() && line.size() + 1 + word.size() > kLineLength) {
      text_ += guarded(line) + "\n";
      line.clear();
    }
    line += (line.empty() || word.empty() ? "" : " ") + word;
    word.clear();
  };
  for (const char c : text) {
    if (c == '`') {
      bold = !bold;
      word += bold ? "\\fB" : "\\fR";
    } else if (const std::string escaped = escape(c, bold); escaped == " ") {
      end_word();
    } else {
      word += escaped;
    }
  }
  end_word();
  text_ += guarded(line) + "\n";
}

}  // namespace tcpperf::core

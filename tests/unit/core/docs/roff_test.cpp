// Manual pages in roff.
#include "core/docs/roff.h"

#include "catch.h"

using namespace tcpperf::core;

namespace {

// What follows the head of a page and `.SH S`.
std::string body(const ManualPage& page) {
  const std::string& text = page.text();
  return text.substr(text.find(".SH S\n") + 6);
}

ManualPage page() {
  ManualPage page("daemon", 8, "project 1.2", "does something");
  page.section("S");
  return page;
}

}  // namespace

TEST_CASE("a manual page begins with its name, section, source and summary") {
  CHECK(ManualPage("the-daemon", 8, "project 1.2", "does something").text() ==
        ".TH \"the\\-daemon\" \"8\" \"\" \"project 1.2\"\n.nh\n.ad l\n.SH NAME\nthe\\-daemon \\- does something\n");
}

TEST_CASE("no text of a manual page becomes a request or an escape of roff") {
  ManualPage it = page();
  it.paragraph(".so /etc/passwd");
  it.paragraph("'tis a \\n back\\slash");
  it.example(".one\n'two\n\\three --four\n");
  it.entry(roff_bold(".dot"), ".text");
  CHECK(body(it) ==
        "\\&.so /etc/passwd\n"
        ".PP\n\\&'tis a \\en back\\eslash\n"
        ".PP\n.nf\n.RS 4\n\\&.one\n\\(aqtwo\n\\ethree \\-\\-four\n.RE\n.fi\n"
        ".TP\n\\fB.dot\\fR\n\\&.text\n");
}

TEST_CASE("what stands between backticks is bold, with minus signs that can be copied") {
  ManualPage it = page();
  it.paragraph("Use `--log.level` of a well-known kind.");
  CHECK(body(it) == "Use \\fB\\-\\-log.level\\fR of a well-known kind.\n");
}

TEST_CASE("prose is broken between words, and a word at a line's start is still no request") {
  ManualPage it = page();
  const std::string word(40, 'a');
  it.paragraph(word + " " + word + "\n.b");
  it.paragraph(word + " " + std::string(36, 'a') + " .b");
  CHECK(body(it) == word + "\n" + word + " .b\n.PP\n" + word + " " + std::string(36, 'a') + "\n\\&.b\n");
}

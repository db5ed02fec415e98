// Text that is refused, text in messages, and near misses of names.
#include "config/text.h"

#include <string>
#include <string_view>

#include "catch.h"
#include "config/error.h"

using namespace tcpperf::config;

TEST_CASE("every well-formed UTF-8 length is accepted", "[config]") {
  CHECK_FALSE(find_bad_character("a\t\n\r\x7e ä € 😀 \xc2\xa0 \xed\x9f\xbf \xee\x80\x80 \xf4\x8f\xbf\xbf"));
}

TEST_CASE("malformed UTF-8 is found at its first byte", "[config]") {
  for (const std::string_view bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                                     "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff", "\xc3", "\xe2\x82", "\xc3("}) {
    const auto found = find_bad_character("ok " + std::string(bad));
    REQUIRE(found);
    CHECK(found->offset == 3);
    CHECK(found->what.substr(0, 7) == "byte 0x");
  }
}

TEST_CASE("control characters are found", "[config]") {
  CHECK(find_bad_character(std::string_view("\0", 1))->what == "control character U+0000");
  CHECK(find_bad_character("\x1f")->what == "control character U+001F");
  CHECK(find_bad_character("\x7f")->what == "control character U+007F");
  CHECK(find_bad_character("\xc2\x80")->what == "control character U+0080");
  CHECK(find_bad_character("\xc2\x9f")->what == "control character U+009F");
}

TEST_CASE("a place counts lines and characters from 1", "[config]") {
  CHECK(position_of("ab\ncä€d", 0) == Position{1, 1});
  CHECK(position_of("ab\ncä€d", 2) == Position{1, 3});
  CHECK(position_of("ab\ncä€d", 3) == Position{2, 1});
  CHECK(position_of("ab\ncä€d", 9) == Position{2, 4});
}

TEST_CASE("a quotation is short, on one line and whole characters", "[config]") {
  CHECK(quoted("") == "''");
  CHECK(quoted("a\nb\tc") == "'a b c'");
  CHECK(quoted(std::string(60, 'x')) == "'" + std::string(60, 'x') + "'");
  CHECK(quoted(std::string(61, 'x')) == "'" + std::string(60, 'x') + "...'");
  CHECK(quoted(std::string(59, 'x') + "ää") == "'" + std::string(59, 'x') + "...'");
}

TEST_CASE("a text on one line has single blanks and none at its ends", "[config]") {
  CHECK(on_one_line(" a\n\n b\t\tc \n") == "a b c");
  CHECK(on_one_line("\n").empty());
}

TEST_CASE("an error is written as compilers write it", "[config]") {
  CHECK(format_error("/etc/t.yaml", {3, 7, "wrong"}) == "/etc/t.yaml:3:7: wrong");
  CHECK(format_error("t.yaml", {3, 0, "wrong"}) == "t.yaml:3: wrong");
  CHECK(format_error("t.yaml", {0, 0, "wrong"}) == "t.yaml: wrong");
}

TEST_CASE("errors come out by position, equal ones once", "[config]") {
  ErrorLog log;
  log.add({2, 1}, "c");
  log.add({1, 9}, "b");
  log.add({2, 1}, "c");
  log.add({1, 2}, "a");
  const std::vector<ConfigError> errors = std::move(log).sorted();
  CHECK(errors == std::vector<ConfigError>{{1, 2, "a"}, {1, 9, "b"}, {2, 1, "c"}});
}

// Bytes that should be text.
#include "core/base/utf8.h"

#include <string>

#include "catch.h"

using tcpperf::core::is_utf8;
using tcpperf::core::to_utf8;
using tcpperf::core::utf8_sequence_length;

TEST_CASE("well-formed text stays as it is", "[utf8]") {
  for (const std::string text : {"", "nginx", "\x7f", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                                 "\xEF\xBF\xBD", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "a\xC3\xA9z"}) {
    CHECK(to_utf8(text) == text);
    CHECK(is_utf8(text));
  }
  CHECK(utf8_sequence_length("\xC3\xA9z") == 2);
  CHECK(utf8_sequence_length("\xF0\x90\x80\x80") == 4);
}

TEST_CASE("each byte that is not UTF-8 becomes one replacement character", "[utf8]") {
  const std::string bad = "\xEF\xBF\xBD";
  CHECK(to_utf8("\xff") == bad);
  CHECK(to_utf8("a\x80z") == "a" + bad + "z");
  CHECK(to_utf8("\xC1\xBF") == bad + bad);                      // overlong
  CHECK(to_utf8("\xE0\x9F\xBF") == bad + bad + bad);            // overlong
  CHECK(to_utf8("\xED\xA0\x80") == bad + bad + bad);            // surrogate
  CHECK(to_utf8("\xF4\x90\x80\x80") == bad + bad + bad + bad);  // beyond U+10FFFF
  CHECK(to_utf8("caf\xC3") == "caf" + bad);                     // cut off
  CHECK(to_utf8("\xE2\x82z") == bad + bad + "z");
  for (const char* text : {"\xff", "a\x80z", "\xC1\xBF", "\xED\xA0\x80", "caf\xC3", "\xE2\x82z"}) {
    CHECK_FALSE(is_utf8(text));
  }
}

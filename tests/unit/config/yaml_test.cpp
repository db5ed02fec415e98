// What is refused before any key is looked at: encoding, syntax, size, depth, several documents.
#include <string>

#include "config/yaml_tree.h"
#include "support.h"

using namespace tcpperf;
using tcpperf::test::Errors;
using tcpperf::test::errors_of;
using tcpperf::test::valid;

namespace {

std::string repeated(std::string_view part, std::size_t bytes) {
  std::string text;
  while (text.size() + part.size() <= bytes) {
    text += part;
  }
  return text;
}

}  // namespace

TEST_CASE("a syntax error has its place", "[config]") {
  CHECK(errors_of("tick: 5s\nfilter: {local_ip: [1\n") ==
        Errors{"3:1: not valid YAML: end of sequence flow not found"});
  CHECK(errors_of("tick: 5s: 6s\n") == Errors{"1:9: not valid YAML: illegal map value"});
  CHECK(errors_of("filter: *nobody\n") == Errors{"1:9: not valid YAML: the referenced anchor is not defined"});
}

TEST_CASE("the message of a syntax error is text whatever it quotes", "[config]") {
  CHECK(errors_of("\"\\") == Errors{"1:3: not valid YAML: unknown escape character: ?"});
  CHECK(errors_of("tick: \"\\ä\"") == Errors{"1:10: not valid YAML: unknown escape character: ?"});
}

TEST_CASE("wrong indentation is named as such", "[config]") {
  CHECK(errors_of("  tick: 5s\n histograms: {}\n") ==
        Errors{"2:2: does not belong to what precedes it; check the indentation"});
}

TEST_CASE("several documents are an error at the second", "[config]") {
  CHECK(errors_of("tick: 5s\n---\ntick: 6s\n") ==
        Errors{"2:1: a second document begins here; a configuration is one document"});
  CHECK(errors_of("--- \n--- \n") == Errors{"2:1: a second document begins here; a configuration is one document"});
  CHECK(valid("---\ntick: 6s\n...\n") == valid("tick: 6s\n"));
}

TEST_CASE("bytes that are not UTF-8 are an error at their place", "[config]") {
  CHECK(errors_of("tick: 5s\nä: \xff\n") == Errors{"2:4: byte 0xff is not UTF-8"});
  CHECK(errors_of(std::string("\xff\xfe\0\0", 4)) == Errors{"1:1: byte 0xff is not UTF-8"});
}

TEST_CASE("control characters are an error, written out or escaped", "[config]") {
  CHECK(errors_of(std::string("tick: 5s\0", 9)) == Errors{"1:9: control character U+0000"});
  CHECK(errors_of("tick: 5s\n\x1b") == Errors{"2:1: control character U+001B"});
  CHECK(errors_of("tick: \"\\x07\"\n") == Errors{"1:7: control character U+0007 in a value"});
  CHECK(errors_of("\"\\0\": 1\n") == Errors{"1:1: control character U+0000 in a value"});
}

TEST_CASE("columns count characters, not bytes", "[config]") {
  CHECK(errors_of("sinks: {\"äöü€😀\": 1, syslog: x}\n") ==
        Errors{"1:9: sinks: unknown key 'äöü€😀'; allowed: syslog, file, webhook",
               "1:29: sinks.syslog: expected true or false, found 'x'"});
}

TEST_CASE("a byte order mark and carriage returns change nothing", "[config]") {
  CHECK(valid("\xef\xbb\xbftick: 6s\r\nhistograms: {}\r\n") == valid("tick: 6s\n"));
  CHECK(errors_of("\xef\xbb\xbftick: 6\r\n") ==
        Errors{"1:7: tick: expected a duration with its unit (ms, s, m or h), found '6'"});
}

TEST_CASE("nesting is accepted up to 32 levels", "[config]") {
  const std::string expected = "expected a map, found a list";
  CHECK(errors_of(repeated("[", 32) + repeated("]", 32)) == Errors{"1:1: " + expected});
  CHECK(errors_of(repeated("[", 33) + repeated("]", 33)) == Errors{"1:33: nested more than 32 levels deep"});
}

TEST_CASE("a file of one deeply nested or broken construct is refused, not followed", "[config]") {
  for (const std::string_view part :
       {"[", "{", "- ", "? ", ": ", "[,", "{a: ", "[{", "&a ", "!!a ", "*a ", "\"", "'", "|\n", "---\n", "- - "}) {
    INFO(part);
    const auto outcome = test::parse(repeated(part, config::kLargestFile));
    CHECK_FALSE(outcome.config);
    CHECK(outcome.errors.size() == 1);
  }
}

TEST_CASE("a file up to 1 MiB is read, a larger one is not", "[config]") {
  const std::string text = "tick: 6s\n" + repeated("# remark\n", config::kLargestFile - 9);
  REQUIRE(text.size() <= config::kLargestFile);
  CHECK(valid(text + std::string(config::kLargestFile - text.size(), '\n')) == valid("tick: 6s\n"));
  CHECK(errors_of(text + std::string(config::kLargestFile + 1 - text.size(), '\n')) ==
        Errors{"0:0: larger than 1048576 bytes"});
}

TEST_CASE("a file of too many values is refused", "[config]") {
  CHECK(errors_of("filter: [" + repeated("1,", 200'000) + "]") == Errors{"1:200004: more than 100000 values"});
}

TEST_CASE("many values on one line are placed in time that grows with the line", "[config]") {
  const auto outcome = test::parse("filter: {local_port: [" + repeated("70000,", 590'000) + "]}");
  REQUIRE(outcome.errors.size() == 1001);
  CHECK(outcome.errors[0].column == 22);
  CHECK(outcome.errors[1].column == 23);
  CHECK(outcome.errors[2].column == 29);
}

TEST_CASE("quoted, folded and literal scalars are texts of one line", "[config]") {
  const config::Config config = valid(
      "tick: \"6s\"\n"
      "alerts:\n"
      "  - name: 'a'\n"
      "    condition: >-\n"
      "      x >\n"
      "      1\n"
      "    diagnosis: |\n"
      "      one\n"
      "        two\n"
      "    action: three\n"
      "      four\n");
  CHECK(config.tick == std::chrono::seconds(6));
  CHECK(config.alerts.at(0).condition == "x > 1");
  CHECK(config.alerts.at(0).diagnosis == "one two");
  CHECK(config.alerts.at(0).action == "three four");
}

#include "adapters/http/credentials.h"

#include <string>

#include "catch.h"

using tcpperf::adapters::http::parse_basic_credentials;

TEST_CASE("name and password of a Basic header are told apart by the first colon", "[http]") {
  const auto aladdin = parse_basic_credentials("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");  // RFC 7617
  REQUIRE(aladdin);
  CHECK(aladdin->user == "Aladdin");
  CHECK(aladdin->password == "open sesame");
  const auto colons = parse_basic_credentials("bASIC  YTpiOmM=");
  REQUIRE(colons);
  CHECK(colons->user == "a");
  CHECK(colons->password == "b:c");
  CHECK(parse_basic_credentials("Basic YTpi \t ")->password == "b");
  const auto nothing = parse_basic_credentials("Basic Og==");
  REQUIRE(nothing);
  CHECK(nothing->user.empty());
  CHECK(nothing->password.empty());
  const auto bytes = parse_basic_credentials("Basic /zr+AA==");
  REQUIRE(bytes);
  CHECK(bytes->user == "\xff");
  CHECK(bytes->password == std::string("\xfe\0", 2));
}

TEST_CASE("what is not Basic, base64 or a pair gives no credentials", "[http]") {
  for (const char* header : {"", "Basic", "Basic ", "Bearer YTpi", "Basic YTpi!", "Basic YQ==", "Basic YTpiOg",
                             "BasicYTpi", "Basic =", "Basic ====", "Basic YT=i", "Basic YTpi YTpi", "YTpi"}) {
    INFO(header);
    CHECK_FALSE(parse_basic_credentials(header));
  }
}

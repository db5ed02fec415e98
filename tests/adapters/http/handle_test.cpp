// The request path without sockets.
#include "adapters/http/handle.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "adapters/http/gzip.h"
#include "catch.h"
#include "client.h"

using namespace tcpperf::adapters::http;
using tcpperf::tests::gunzip;

namespace {

Request make_request(std::string_view method, std::string_view path, std::string accept_encoding = "") {
  return {method, path, "", [accept_encoding = std::move(accept_encoding)](std::string_view name) {
            return name == "Accept-Encoding" ? accept_encoding : std::string();
          }};
}

Routes routes() {
  return {{"/", [](const Request&) { return text_response(200, "hello\n"); }},
          {"/border", [](const Request&) { return text_response(200, std::string(1024, 'x')); }},
          {"/below", [](const Request&) { return text_response(200, std::string(1023, 'x')); }},
          {"/empty", [](const Request&) { return Response(); }},
          {"/throw", [](const Request&) -> Response { throw std::runtime_error("out of luck"); }},
          {"/throw-int", [](const Request&) -> Response { throw 42; }}};
}

std::string header(const Response& response, std::string_view name) {
  std::string value;
  for (const auto& [known, text] : response.headers) {
    if (known == name) {
      value += (value.empty() ? "" : ", ") + text;
    }
  }
  return value;
}

}  // namespace

TEST_CASE("a known path is served to GET and HEAD alike", "[http]") {
  for (const char* method : {"GET", "HEAD"}) {
    const Response response = handle(make_request(method, "/"), routes());
    CHECK(response.status == 200);
    CHECK(*response.body == "hello\n");
    CHECK(header(response, "X-Content-Type-Options") == "nosniff");
    CHECK(header(response, "Vary") == "Accept-Encoding");
    CHECK(header(response, "Content-Encoding").empty());
  }
}

TEST_CASE("an unknown path names the known ones", "[http]") {
  const Response response = handle(make_request("GET", "/nothing"), routes());
  CHECK(response.status == 404);
  CHECK(response.body->find("  /border\n") != std::string::npos);
  CHECK(response.body->find("nothing") == std::string::npos);
  CHECK(handle(make_request("POST", "/nothing"), routes()).status == 404);
  CHECK(handle(make_request("GET", ""), {}).status == 404);
}

TEST_CASE("other methods are refused with those that are allowed", "[http]") {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get", ""}) {
    const Response response = handle(make_request(method, "/"), routes());
    CHECK(response.status == 405);
    CHECK(header(response, "Allow") == "GET, HEAD");
  }
}

TEST_CASE("an exception in a handler is a response", "[http]") {
  const Response known = handle(make_request("GET", "/throw"), routes());
  CHECK(known.status == 500);
  CHECK(*known.body == "Internal error: out of luck\n");
  CHECK(handle(make_request("GET", "/throw-int"), routes()).status == 500);
}

TEST_CASE("bodies from 1 KiB on are compressed for clients that take it", "[http]") {
  const Response response = handle(make_request("GET", "/border", "gzip"), routes());
  CHECK(header(response, "Content-Encoding") == "gzip");
  CHECK(gunzip(*response.body) == std::string(1024, 'x'));
  CHECK(response.body->size() < 100);
  CHECK(header(handle(make_request("GET", "/below", "gzip"), routes()), "Content-Encoding").empty());
  CHECK(header(handle(make_request("GET", "/border"), routes()), "Content-Encoding").empty());
  CHECK(handle(make_request("GET", "/empty", "gzip"), routes()).body == nullptr);
}

TEST_CASE("Accept-Encoding is taken at its weights", "[http]") {
  for (const char* yes : {"gzip", "GZIP", "x-gzip", "gzip;q=0.001", "deflate, gzip;q=1.0, *;q=0.5", "*", "br, *;q=0.1",
                          "gzip, identity", "identity;q=0.5, gzip;q=0.5"}) {
    INFO(yes);
    CHECK(accepts_gzip(yes));
  }
  for (const char* no : {"", "identity", "br", "gzip;q=0", "gzip;q=0.000", "gzip;q=0, *", "*;q=0", "gzip;q=2",
                         "gzip;q=0.5, identity", "gzipped"}) {
    INFO(no);
    CHECK_FALSE(accepts_gzip(no));
  }
}

TEST_CASE("large and empty data survive compression", "[http]") {
  std::string large;
  for (std::int64_t i = 0; i < 300'000; ++i) {
    large += std::to_string(i * 7919) + "\n";
  }
  const auto compressed = gzip(large);
  REQUIRE(compressed);
  CHECK(compressed->size() < large.size());
  CHECK(gunzip(*compressed) == large);
  const auto nothing = gzip("");
  REQUIRE(nothing);
  CHECK(nothing->size() == 20);
}

TEST_CASE("a request target is split into path and query", "[http]") {
  const auto split = [](std::string_view target) {
    const Target parts = split_target(target);
    return std::pair<std::string, std::string>(parts.path, parts.query);
  };
  using Pair = std::pair<std::string, std::string>;
  CHECK(split("/metrics") == Pair("/metrics", ""));
  CHECK(split("/metrics?a=b?c") == Pair("/metrics", "a=b?c"));
  CHECK(split("/?") == Pair("/", ""));
  CHECK(split("http://host:1/metrics?x") == Pair("/metrics", "x"));
  CHECK(split("http://host") == Pair("/", ""));
  CHECK(split("http://host?x") == Pair("", "x"));
  CHECK(split("*") == Pair("*", ""));
  CHECK(split("") == Pair("", ""));
}

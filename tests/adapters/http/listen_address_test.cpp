#include "adapters/http/listen_address.h"

#include <string>
#include <string_view>

#include "catch.h"

using namespace tcpperf::adapters::http;

namespace {

std::string problem_with(std::string_view text) {
  const auto result = parse_listen_address(text);
  return result ? "none" : result.error().message;
}

}  // namespace

TEST_CASE("listen addresses of every form are read", "[http]") {
  const auto parsed = [](std::string_view text) {
    const auto result = parse_listen_address(text);
    return result ? *result : ListenAddress{"error: " + result.error().message, 0};
  };
  CHECK(parsed(":9435") == ListenAddress{"", 9435});
  CHECK(parsed("127.0.0.1:9435") == ListenAddress{"127.0.0.1", 9435});
  CHECK(parsed("[::1]:9435") == ListenAddress{"::1", 9435});
  CHECK(parsed("[::]:1") == ListenAddress{"::", 1});
  CHECK(parsed("[fe80::1%eth0]:9435") == ListenAddress{"fe80::1%eth0", 9435});
  CHECK(parsed("localhost:0") == ListenAddress{"localhost", 0});
  CHECK(parsed("metrics.example.com:65535") == ListenAddress{"metrics.example.com", 65535});
}

TEST_CASE("a listen address is written as it is read", "[http]") {
  for (const char* text : {":9435", "127.0.0.1:9435", "[::1]:9435", "[fe80::1%eth0]:1", "localhost:0"}) {
    CHECK(to_string(*parse_listen_address(text)) == text);
  }
}

TEST_CASE("errors of listen addresses say what to write instead", "[http]") {
  CHECK(problem_with("") ==
        "listen address \"\": no port; write HOST:PORT or :PORT, for example \":9435\" or \"127.0.0.1:9435\"");
  CHECK(problem_with("9435") == "listen address \"9435\": a port needs a colon in front: \":9435\"");
  CHECK(problem_with("localhost") ==
        "listen address \"localhost\": no port; write HOST:PORT or :PORT, for example "
        "\":9435\" or \"127.0.0.1:9435\"");
  CHECK(problem_with("::1:9435") ==
        "listen address \"::1:9435\": an IPv6 address needs brackets, for example \"[::1]:9435\"");
  CHECK(problem_with("[::1]") == "listen address \"[::1]\": no port behind the address; write \"[::1]:9435\"");
  CHECK(problem_with("[nonsense]:1") ==
        "listen address \"[nonsense]:1\": \"nonsense\" is not an IPv6 address; write for example \"[::1]:9435\"");
  CHECK(problem_with("*:9435") ==
        "listen address \"*:9435\": \"*\" is neither a host name nor an address; for all "
        "addresses write \":9435\"");
  CHECK(problem_with(":65536") == "listen address \":65536\": \"65536\" is not a port; write a number from 0 to 65535");
}

TEST_CASE("what is not a port is not taken for one", "[http]") {
  for (const char* text : {":", ":-1", ":+1", ":1x", ": 1", ":0x10", ":99999999999999999999", "a:b", "[::1]:", "[]:1",
                           "[::1%]:1", "[::1x:1", "::1]:1", "http://localhost:1", "local host:1", "-:1"}) {
    INFO(text);
    CHECK(problem_with(text) != "none");
  }
  CHECK(problem_with(std::string_view("127.0.0.1\0:1", 12)) != "none");
}

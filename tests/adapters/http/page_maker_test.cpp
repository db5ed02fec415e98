// Which requests share a response.
#include "adapters/http/page_maker.h"

#include <future>
#include <string>
#include <vector>

#include "catch.h"

using namespace tcpperf::adapters::http;

TEST_CASE("who asks for a page that has no variants cannot have it made for each query anew", "[http]") {
  std::promise<void> begun;
  std::promise<void> go_on;
  int made = 0;
  const Routes routes = {{"/wait",
                          [&](const Request&) {
                            begun.set_value();
                            go_on.get_future().wait();
                            return Response();
                          }},
                         {"/page", [&](const Request&) {
                            ++made;
                            return Response();
                          }}};
  std::size_t answered = 0;
  PageMaker maker(routes, [&](const std::vector<void*>& who, const Response&) { answered += who.size(); });
  CHECK(maker.ask(nullptr, {"GET", "/wait", "", "", ""}));
  begun.get_future().wait();
  for (int i = 0; i < 20; ++i) {
    CHECK(maker.ask(nullptr, {"GET", "/page", std::to_string(i), "text/" + std::to_string(i), ""}));
  }
  go_on.set_value();
  maker.stop();
  CHECK(answered == 21);
  CHECK(made == 1);
}

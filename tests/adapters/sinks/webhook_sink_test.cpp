// The webhook against a real HTTP server on the loopback address.
#include "adapters/sinks/webhook_sink.h"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "adapters/sinks/alert_json.h"
#include "adapters/sinks/http_post.h"
#include "adapters/sinks/http_stub.h"
#include "adapters/sinks/sink_support.h"
#include "catch.h"

using namespace std::chrono_literals;
using tcpperf::adapters::HttpPost;
using tcpperf::adapters::PostResult;
using tcpperf::adapters::to_json;
using tcpperf::adapters::WebhookOptions;
using tcpperf::adapters::WebhookSink;
using tcpperf::core::DeliveryCounts;
using tcpperf::sink_tests::firing;
using tcpperf::sink_tests::HttpRequest;
using tcpperf::sink_tests::HttpStub;

namespace {

WebhookOptions options(const std::string& url) {
  ::setenv("no_proxy", "127.0.0.1", 1);
  WebhookOptions result;
  result.url = url;
  result.timeout = 20s;
  result.first_backoff = 2ms;
  result.last_backoff = 4ms;
  return result;
}

std::unique_ptr<WebhookSink> sink_of(const WebhookOptions& wanted) {
  auto sink = WebhookSink::create(wanted, "web-1");
  REQUIRE(sink);
  return std::move(*sink);
}

// Waits (10 s at most) until `total` events have found their end.
DeliveryCounts wait_for(const WebhookSink& sink, std::uint64_t total) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  DeliveryCounts counts = sink.counts();
  while (counts.delivered + counts.failed + counts.dropped < total && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(1ms);
    counts = sink.counts();
  }
  return counts;
}

void check_counts(const DeliveryCounts& counts, std::uint64_t delivered, std::uint64_t failed, std::uint64_t dropped) {
  CHECK(counts.delivered == delivered);
  CHECK(counts.failed == failed);
  CHECK(counts.dropped == dropped);
}

std::vector<std::string> alerts_of(const std::vector<HttpRequest>& requests) {
  std::vector<std::string> names;
  names.reserve(requests.size());
  for (const HttpRequest& request : requests) {
    names.push_back(nlohmann::json::parse(request.body)["alert"]);
  }
  return names;
}

// A port of 127.0.0.1 on which nobody listens: bound, so that nobody else gets it.
class ClosedPort {
 public:
  ClosedPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~ClosedPort() { ::close(fd_); }
  ClosedPort(const ClosedPort&) = delete;
  ClosedPort& operator=(const ClosedPort&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook"; }

 private:
  int fd_;
  int port_ = 0;
};

}  // namespace

TEST_CASE("an event is posted as JSON", "[sinks][webhook]") {
  HttpStub server({"200"});
  const auto sink = sink_of(options(server.url("/a/b?c=d")));
  sink->deliver(firing());
  const auto requests = server.wait_for_requests(1);
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].head.find("POST /a/b?c=d HTTP/1.1\r\n") == 0);
  CHECK(requests[0].head.find("\r\nContent-Type: application/json") != std::string::npos);
  CHECK(requests[0].head.find("Expect:") == std::string::npos);
  CHECK(requests[0].body == to_json(firing(), "web-1"));
  check_counts(wait_for(*sink, 1), 1, 0, 0);
  CHECK(sink->name() == "webhook");
  CHECK(sink->last_error().empty());
}

TEST_CASE("any 2xx is a delivery", "[sinks][webhook]") {
  HttpStub server({"204"});
  const auto sink = sink_of(options(server.url()));
  sink->deliver(firing());
  check_counts(wait_for(*sink, 1), 1, 0, 0);
}

TEST_CASE("a server that is unavailable twice gets the same event a third time", "[sinks][webhook]") {
  HttpStub server({"503", "503", "200"});
  const auto sink = sink_of(options(server.url()));
  sink->deliver(firing());
  check_counts(wait_for(*sink, 1), 1, 0, 0);
  const auto requests = server.wait_for_requests(3);
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].body == to_json(firing(), "web-1"));
  CHECK(requests[2].body == requests[0].body);
}

TEST_CASE("a server that is overrun is asked again", "[sinks][webhook]") {
  HttpStub server({"429", "200"});
  const auto sink = sink_of(options(server.url()));
  sink->deliver(firing());
  check_counts(wait_for(*sink, 1), 1, 0, 0);
  CHECK(server.wait_for_requests(2).size() == 2);
}

TEST_CASE("an event is given up after the last attempt", "[sinks][webhook]") {
  HttpStub server({"500"});
  WebhookOptions three = options(server.url());
  three.attempts = 3;
  const auto sink = sink_of(three);
  sink->deliver(firing());
  check_counts(wait_for(*sink, 1), 0, 1, 0);
  CHECK(server.wait_for_requests(3).size() == 3);
  CHECK(sink->last_error() == "HTTP 500");
}

TEST_CASE("an event that is refused is not sent again", "[sinks][webhook]") {
  for (const std::string status : {"400", "401", "404", "413"}) {
    HttpStub server({status, "200"});
    const auto sink = sink_of(options(server.url()));
    sink->deliver(firing());
    check_counts(wait_for(*sink, 1), 0, 1, 0);
    CHECK(server.wait_for_requests(1).size() == 1);
    CHECK(sink->last_error() == "HTTP " + status);
  }
}

TEST_CASE("a redirect is not followed", "[sinks][webhook]") {
  HttpStub target({"200"});
  HttpStub server({"307\r\nLocation: " + target.url(), "200"});
  const auto sink = sink_of(options(server.url()));
  sink->deliver(firing());
  check_counts(wait_for(*sink, 1), 0, 1, 0);
  CHECK(sink->last_error().find("redirects are not followed") != std::string::npos);
  CHECK(server.wait_for_requests(1).size() == 1);
  CHECK(target.wait_for_requests(0).empty());
}

TEST_CASE("a refused connection is tried again and then given up", "[sinks][webhook]") {
  const ClosedPort port;
  WebhookOptions two = options(port.url());
  two.attempts = 2;
  const auto sink = sink_of(two);
  sink->deliver(firing());
  check_counts(wait_for(*sink, 1), 0, 1, 0);
  CHECK(sink->last_error().find("connect") != std::string::npos);
  CHECK(sink->last_error().find("/hook") == std::string::npos);
}

TEST_CASE("a server that does not answer in time is a failed attempt", "[sinks][webhook]") {
  HttpStub server({HttpStub::kHang});
  WebhookOptions hasty = options(server.url());
  hasty.timeout = 50ms;
  hasty.attempts = 1;
  const auto sink = sink_of(hasty);
  sink->deliver(firing());
  check_counts(wait_for(*sink, 1), 0, 1, 0);
}

TEST_CASE("events arrive in order", "[sinks][webhook]") {
  HttpStub server({"200", "503", "200"});
  const auto sink = sink_of(options(server.url()));
  for (const char* name : {"one", "two", "three"}) {
    sink->deliver(firing(name));
  }
  check_counts(wait_for(*sink, 3), 3, 0, 0);
  CHECK(alerts_of(server.wait_for_requests(4)) == std::vector<std::string>{"one", "two", "two", "three"});
}

TEST_CASE("a full queue drops the oldest waiting event", "[sinks][webhook]") {
  HttpStub server({HttpStub::kHang, "200"});
  WebhookOptions small = options(server.url());
  small.queue = 2;
  const auto sink = sink_of(small);
  sink->deliver(firing("in_flight"));
  server.wait_for_requests(1);
  for (const char* name : {"one", "two", "three", "four"}) {
    sink->deliver(firing(name));
  }
  check_counts(sink->counts(), 0, 0, 2);
  CHECK(sink->last_error().find("queue was full") != std::string::npos);
  server.release();
  check_counts(wait_for(*sink, 5), 3, 0, 2);
  CHECK(alerts_of(server.wait_for_requests(3)) == std::vector<std::string>{"in_flight", "three", "four"});
}

TEST_CASE("closing delivers what is waiting", "[sinks][webhook]") {
  HttpStub server({"200"});
  const auto sink = sink_of(options(server.url()));
  for (const char* name : {"one", "two", "three"}) {
    sink->deliver(firing(name));
  }
  sink->close();
  check_counts(sink->counts(), 3, 0, 0);
}

TEST_CASE("closing while the server hangs drops the rest in time", "[sinks][webhook]") {
  HttpStub server({HttpStub::kHang});
  WebhookOptions patient = options(server.url());
  patient.timeout = 60s;
  const auto sink = sink_of(patient);
  for (const char* name : {"one", "two", "three"}) {
    sink->deliver(firing(name));
  }
  server.wait_for_requests(1);
  const auto start = std::chrono::steady_clock::now();
  sink->close();
  CHECK(std::chrono::steady_clock::now() - start < 20s);  // one second is promised; the machine may be busy
  check_counts(sink->counts(), 0, 0, 3);
}

TEST_CASE("closing ends a long pause with one last attempt", "[sinks][webhook]") {
  HttpStub server({"503"});
  WebhookOptions slow = options(server.url());
  slow.first_backoff = 1h;
  slow.last_backoff = 1h;
  const auto sink = sink_of(slow);
  sink->deliver(firing("one"));
  server.wait_for_requests(1);
  sink->close();
  check_counts(sink->counts(), 0, 0, 1);
  CHECK(server.wait_for_requests(2).size() == 2);
}

TEST_CASE("after closing every event is dropped", "[sinks][webhook]") {
  HttpStub server({"200"});
  const auto sink = sink_of(options(server.url()));
  sink->close();
  sink->close();
  sink->deliver(firing());
  check_counts(sink->counts(), 0, 0, 1);
  CHECK(server.wait_for_requests(0).empty());
}

TEST_CASE("a URL that is not http or https is refused", "[sinks][webhook]") {
  for (const char* url : {"", "example.org/hook", "ftp://example.org/", "file:///etc/passwd", "http://", "not a url",
                          "gopher://example.org/", "javascript:alert(1)"}) {
    INFO(url);
    const auto sink = WebhookSink::create(options(url), "web-1");
    CHECK_FALSE(sink.has_value());
  }
  CHECK(WebhookSink::create(options("https://example.org/hook?x=y"), "web-1").has_value());
  CHECK(WebhookSink::create(options("HTTP://[::1]:1/hook"), "web-1").has_value());
}

TEST_CASE("the pause that a server asks for is read from its answer", "[sinks][webhook]") {
  HttpStub server({"503\r\nRetry-After: 7", "200"});
  const auto http = HttpPost::create(options(server.url()).url, 20s);
  REQUIRE(http);
  const PostResult first = (*http)->post("{}");
  CHECK(first.outcome == PostResult::Outcome::kTemporary);
  CHECK(first.retry_after == 7s);
  CHECK((*http)->post("{}").outcome == PostResult::Outcome::kDelivered);
}

TEST_CASE("an interrupted post returns at its deadline, and so does every later one", "[sinks][webhook]") {
  HttpStub server({HttpStub::kHang});
  const auto http = HttpPost::create(options(server.url()).url, 60s);
  REQUIRE(http);
  std::thread interrupter([&] {
    server.wait_for_requests(1);
    (*http)->interrupt(std::chrono::steady_clock::now());
  });
  CHECK((*http)->post("{}").outcome == PostResult::Outcome::kInterrupted);
  interrupter.join();
  CHECK((*http)->post("{}").outcome == PostResult::Outcome::kInterrupted);
}

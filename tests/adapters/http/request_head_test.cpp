// Heads that two readers could understand in two ways: refused, and nothing behind them is read.
#include <string>
#include <vector>

#include "adapters/http/server.h"
#include "catch.h"
#include "client.h"
#include "running_server.h"

using namespace tcpperf::adapters::http;
using namespace tcpperf::tests;

namespace {

constexpr const char* kNext = "GET /missing HTTP/1.1\r\nHost: x\r\n\r\n";

std::size_t responses_in(const std::string& text) {
  std::size_t count = 0;
  for (std::size_t at = text.find("HTTP/1.1 "); at != std::string::npos; at = text.find("HTTP/1.1 ", at + 1)) {
    ++count;
  }
  return count;
}

std::vector<std::string> malformed_heads() {
  const std::string line = "GET / HTTP/1.1\r\n";
  const std::string host = "Host: x\r\n";
  return {
      line,                                                // no host
      line + host + "Host: y\r\n",                         //
      line + host + "host: x\r\n",                         //
      "GET / HTTP/1.0\r\n" + host + host,                  //
      line + host + "Content-Length : 5\r\n",              // a blank in front of the colon
      line + host + "Transfer-Encoding\t: chunked\r\n",    //
      line + host + "X: a\r\n Content-Length: 5\r\n",      // a line that goes on
      line + host + "Content-Length:\r\n 5\r\n",           //
      line + host + "Transfer-Encoding:\r\n chunked\r\n",  //
      line + " Content-Length: 5\r\n" + host,              //
      line + host + "X: a\rContent-Length: 5\r\n",         // a bare carriage return
      line + host + "X: a\r\rGET / HTTP/1.1\r\n",          //
      line + host + "X: a\x01\r\n",                        //
      line + host + "X(: a\r\n",                           //
      "GET / x HTTP/1.1\r\n" + host,                       // a blank in the target
      "GET  / HTTP/1.1\r\n" + host,                        //
      "GET /\r HTTP/1.1\r\n" + host,                       //
      std::string("GET /\0x HTTP/1.1\r\n", 18) + host,     // a zero
      std::string("GET\0x / HTTP/1.1\r\n", 18) + host,     //
  };
}

}  // namespace

TEST_CASE("a malformed head gets status 400 and the end, and what follows is no request", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  for (const std::string& head : malformed_heads()) {
    INFO(head);
    const Client client(server->addresses()[0]);
    client.send(head + "\r\n" + kNext);
    const std::string answer = client.read();
    CHECK(parse_reply(answer).status == 400);
    CHECK(responses_in(answer) == 1);
  }
  CHECK(count_of(server->counters(), "400") == 19);
  CHECK(count_of(server->counters(), "404") == 0);
}

TEST_CASE("a sound head is taken, however it is written", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  for (const std::string& head : {
           std::string("GET / HTTP/1.1\r\nHost: x\r\n"),
           std::string("GET / HTTP/1.0\r\n"),
           std::string("GET / HTTP/1.0\r\nHost:\r\n"),
           std::string("GET / HTTP/1.1\nHost: x\n"),
           std::string("\r\nGET /?a=%20&b=\xc3\xa4 HTTP/1.1\r\nHOST:x\r\n"),
           std::string("GET / HTTP/1.1\r\nHost: x\r\nX-!#$%&'*+.^_`|~: \t \"(),/\xe9 \t \r\nEmpty:\r\n"),
       }) {
    INFO(head);
    const Client client(server->addresses()[0]);
    client.send(head + "Connection: close\r\n\r\n");
    CHECK(parse_reply(client.read()).status == 200);
  }
}

TEST_CASE("a body is never the next request", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  for (const std::string& framing : {
           std::string("Content-Length: 37\r\n"),
           std::string("Content-Length: 0\r\n"),
           std::string("Content-Length: 37\r\nContent-Length: 0\r\n"),
           std::string("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"),
           std::string("Transfer-Encoding: chunked\r\n"),
           std::string("Transfer-Encoding: xchunked\r\n"),
       }) {
    INFO(framing);
    const Client client(server->addresses()[0]);
    client.send("GET / HTTP/1.1\r\nHost: x\r\n" + framing + "\r\n" + kNext);
    CHECK(responses_in(client.read()) == 1);
  }
  CHECK(count_of(server->counters(), "404") == 0);
}

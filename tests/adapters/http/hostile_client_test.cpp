// The server under clients that are slow, greedy or mad: others must not notice.
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "adapters/http/listener.h"
#include "adapters/http/server.h"
#include "catch.h"
#include "client.h"
#include "running_server.h"

using namespace tcpperf::adapters::http;
using namespace tcpperf::tests;

TEST_CASE("eight clients with half a head do not delay a scrape", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  std::vector<std::unique_ptr<Client>> stalled;
  for (int i = 0; i < 8; ++i) {
    stalled.push_back(std::make_unique<Client>(server->addresses()[0]));
    stalled.back()->send("GET /metrics HTTP/1.1\r\nHost: te");
  }
  CHECK(request(server->addresses()[0], "GET", "/metrics").body == large_page());
  CHECK(count_of(server->counters(), "200") == 1);
}

TEST_CASE("a slow reader of a large page holds nobody up, and gets all of it", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  const Client slow(server->addresses()[0], 4096);
  slow.send("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string beginning = slow.read(100);
  CHECK(beginning.size() == 100);
  CHECK(request(server->addresses()[0], "GET", "/metrics").body == large_page());
  CHECK(parse_reply(beginning + slow.read()).body == large_page());
  CHECK(server->counters().responses_unfinished == 0);
}

TEST_CASE("readers that do not read are ended for those who do, the longest reading first", "[http]") {
  Options options;
  options.unsent_bodies_bytes = 2 * large_page().size();
  const auto server = run({{"127.0.0.1", 0}, {"::1", 0}}, options);
  std::vector<std::unique_ptr<Client>> slow;
  for (int i = 0; i < 4; ++i) {
    slow.push_back(std::make_unique<Client>(server->addresses()[0], 4096));
    slow.back()->send("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CHECK(parse_reply(slow.back()->read_until("\r\n\r\n")).status == 200);
  }
  CHECK(request(server->addresses()[1], "GET", "/metrics").body == large_page());
  CHECK(slow[0]->read().size() < large_page().size());
  CHECK(slow[1]->read().size() < large_page().size());
  CHECK(slow[3]->read() == large_page());
  CHECK(count_of(server->counters(), "503") == 0);
  CHECK(server->counters().connections_evicted >= 2);
  // The third, if it was not ended too, goes now without having read.
  slow.clear();
  for (int i = 0; i < 500 && server->counters().responses_unfinished < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(server->counters().responses_unfinished == 3);
}

TEST_CASE("a head beyond the limit is refused and the server lives", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  const std::string header = "X-Long: " + std::string(100'000, 'x') + "\r\n";
  const Reply reply = request(server->addresses()[0], "GET", "/", header);
  CHECK(reply.status == 431);
  CHECK(count_of(server->counters(), "431") == 1);
  const Reply target = request(server->addresses()[0], "GET", "/" + std::string(100'000, 'x'));
  CHECK(target.status == 414);
  std::string many;
  for (int i = 0; i < 20'000; ++i) {
    many += "A: b\r\n";
  }
  CHECK(request(server->addresses()[0], "GET", "/", many).status != 200);
  CHECK(request(server->addresses()[0], "GET", "/").status == 200);
}

TEST_CASE("a head of browser size is served", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  CHECK(request(server->addresses()[0], "GET", "/", "Cookie: " + std::string(8000, 'c') + "\r\n").status == 200);
}

TEST_CASE("junk does not stop the server", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  std::mt19937_64 random(5);
  for (int i = 0; i < 50; ++i) {
    std::string junk(1 + random() % 3000, '\0');
    for (char& c : junk) {
      c = static_cast<char>(random());
    }
    const Client client(server->addresses()[0]);
    client.send(junk);
  }
  for (const char* text : {"\r\n\r\n\r\n", "GET\r\n\r\n", "GET /metrics\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                           "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
                           "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"}) {
    const Client client(server->addresses()[0]);
    client.send(text);
  }
  CHECK(request(server->addresses()[0], "GET", "/").status == 200);
}

TEST_CASE("clients that hang up in the middle of anything leave nothing behind", "[http]") {
  Options options;
  options.new_connections_per_client_and_second = 100'000;
  const auto server = run({{"127.0.0.1", 0}}, options);
  for (const char* part : {"", "x", "GET / HT", "\r\n\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
                           "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"}) {
    int failed = 0;
    for (int i = 0; i < 100; ++i) {  // many times the limit of connections of one client
      { Client(server->addresses()[0]).send(part); }
      failed += request(server->addresses()[0], "GET", "/").status == 200 ? 0 : 1;
    }
    INFO(part);
    CHECK(failed == 0);
  }
  CHECK(server->counters().connections_refused == 0);
}

TEST_CASE("request bodies are not read", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  const Client get(server->addresses()[0]);
  get.send("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc");
  CHECK(parse_reply(get.read_until("hello\n")).status == 200);
  const Client post(server->addresses()[0]);
  post.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  CHECK(parse_reply(post.read_until("\r\n\r\n")).status == 405);
}

TEST_CASE("a client over its limit loses the connection that has been idle for the longest", "[http]") {
  Options options;
  options.connections_per_client = 2;
  const auto server = run({{"127.0.0.1", 0}}, options);
  const ListenAddress address = server->addresses()[0];
  const Client first(address);
  const Client second(address);
  for (const Client* client : {&first, &second}) {
    client->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(parse_reply(client->read_until("hello\n")).status == 200);
  }
  CHECK(request(address, "GET", "/").status == 200);
  CHECK(first.read().empty());  // its end
  second.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(parse_reply(second.read_until("hello\n")).status == 200);
  CHECK(server->counters().connections_evicted == 1);
  CHECK(server->counters().connections_refused == 0);
}

TEST_CASE("connections in all are limited over all addresses", "[http]") {
  Options options;
  options.connections = 2;
  const auto server = run({{"127.0.0.1", 0}, {"::1", 0}}, options);
  const Client first(server->addresses()[0]);
  const Client second(server->addresses()[1]);
  for (const Client* client : {&first, &second}) {
    client->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(parse_reply(client->read_until("hello\n")).status == 200);
  }
  CHECK(request(server->addresses()[1], "GET", "/").status == 200);
  CHECK(first.read().empty());  // its end
  CHECK(server->counters().connections_evicted == 1);
}

TEST_CASE("a connection on which nothing moves is closed", "[http]") {
  Options options;
  options.idle_timeout = std::chrono::seconds(1);
  const auto server = run({{"127.0.0.1", 0}}, options);
  const Client stalled(server->addresses()[0]);
  stalled.send("GET / HT");
  const auto start = std::chrono::steady_clock::now();
  CHECK(stalled.read().find("200") == std::string::npos);  // returns at the close, or gives up after 5 s
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(4900));
}

TEST_CASE("who opens connections faster than any scraper is refused, and others are not", "[http]") {
  Options options;
  options.new_connections_per_client_and_second = 10;
  const auto server = run({{"127.0.0.1", 0}, {"::1", 0}}, options);
  std::uint64_t served = 0;
  for (int i = 0; i < 100; ++i) {
    served += request(server->addresses()[0], "GET", "/").status == 200 ? 1 : 0;
  }
  CHECK(served >= 10);
  CHECK(served + server->counters().connections_refused == 100);
  CHECK(request(server->addresses()[1], "GET", "/").status == 200);
}

TEST_CASE("connections that have hung up before they are looked at count for no limit", "[http]") {
  auto listening = listen_on({"127.0.0.1", 0});
  REQUIRE(listening);
  const ListenAddress address = listening->address;
  for (int i = 0; i < 50; ++i) {
    Client(address).send(i % 2 == 0 ? "" : "GET / HT");
  }
  Options options;
  options.new_connections_per_client_and_second = 2;
  auto server = Server::start({{}, {listening->fd.release()}}, test_routes(), options);
  REQUIRE(server);
  CHECK(request(address, "GET", "/").status == 200);
  CHECK((*server)->counters().connections_refused == 0);
  CHECK((*server)->counters().connections_unanswered == 50);
}

TEST_CASE("a connection is kept longer after an answer than within a head", "[http]") {
  Options options;
  options.idle_timeout = std::chrono::seconds(1);
  options.kept_timeout = std::chrono::seconds(60);
  const auto server = run({{"127.0.0.1", 0}}, options);
  const Client client(server->addresses()[0]);
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(parse_reply(client.read_until("hello\n")).status == 200);
  const Client stalled(server->addresses()[0]);
  stalled.send("GET / HT");
  CHECK(stalled.read().find("200") == std::string::npos);  // until its end
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(parse_reply(client.read_until("hello\n")).status == 200);
  client.send("GET / HTTP/1.1\r\nHost");
  const auto start = std::chrono::steady_clock::now();
  CHECK(client.read().find("200") == std::string::npos);  // returns at the close, or gives up after 5 s
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(4900));
}

TEST_CASE("a client with many connections makes room for others, whatever they wait for", "[http]") {
  Options options;
  options.connections = 8;
  const auto server = run({{"127.0.0.1", 0}, {"::1", 0}}, options);
  std::vector<std::unique_ptr<Client>> greedy;
  for (int i = 0; i < 8; ++i) {
    greedy.push_back(std::make_unique<Client>(server->addresses()[0], 4096));
    greedy.back()->send(i % 2 == 0 ? "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" : "GET / HT");
    if (i % 2 == 0) {
      CHECK(parse_reply(greedy.back()->read_until("\r\n\r\n")).status == 200);
    }
  }
  for (int i = 0; i < 20; ++i) {
    CHECK(request(server->addresses()[1], "GET", "/").status == 200);
  }
  CHECK(request(server->addresses()[1], "GET", "/metrics").body == large_page());
  CHECK(server->counters().connections_evicted >= 1);
  CHECK(server->counters().connections_refused == 0);
}

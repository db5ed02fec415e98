// The server over real sockets: what clients get.
#include "adapters/http/server.h"

#include <stdexcept>
#include <string>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "adapters/http/listener.h"
#include "catch.h"
#include "client.h"
#include "running_server.h"

using namespace tcpperf::adapters::http;
using namespace tcpperf::tests;

TEST_CASE("the kernel buffers little of a connection, whoever has opened its listener", "[http]") {
  auto listening = listen_on({"127.0.0.1", 0});
  REQUIRE(listening);
  UniqueFd foreign(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(listen(foreign.get(), 1) == 0);
  auto handed_over = adopt_listener(std::move(foreign));
  REQUIRE(handed_over);
  for (const int fd : {listening->fd.get(), handed_over->fd.get()}) {
    int bytes = 0;
    socklen_t size = sizeof(bytes);
    REQUIRE(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size) == 0);
    CHECK(bytes == 64 * 1024);
    REQUIRE(getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, &size) == 0);
    CHECK(bytes == 128 * 1024);
  }
}

TEST_CASE("a page is served over IPv4 and over IPv6", "[http]") {
  for (const char* host : {"127.0.0.1", "::1"}) {
    const auto server = run({{host, 0}});
    CHECK(server->addresses().at(0).host == host);
    CHECK(server->addresses().at(0).port != 0);
    const Reply reply = request(server->addresses().at(0), "GET", "/metrics");
    CHECK(reply.status == 200);
    CHECK(reply.body == large_page());
    CHECK(reply.headers.at("content-type") == "text/plain; charset=utf-8");
    CHECK(reply.headers.at("content-length") == std::to_string(large_page().size()));
    CHECK(reply.headers.at("vary") == "Accept-Encoding");
    CHECK(reply.headers.at("x-content-type-options") == "nosniff");
  }
}

TEST_CASE("without a host both families are served by one socket", "[http]") {
  const auto server = run({{"", 0}});
  REQUIRE(server->addresses().size() == 1);
  CHECK(server->addresses()[0].host.empty());
  const std::uint16_t port = server->addresses()[0].port;
  CHECK(request({"127.0.0.1", port}, "GET", "/").status == 200);
  CHECK(request({"::1", port}, "GET", "/").status == 200);
}

TEST_CASE("several addresses are served at once, names resolved", "[http]") {
  const auto server = run({{"localhost", 0}, {"::1", 0}});
  REQUIRE(server->addresses().size() == 2);
  CHECK(server->addresses()[0].host == "127.0.0.1");
  CHECK(request(server->addresses()[0], "GET", "/").status == 200);
  CHECK(request(server->addresses()[1], "GET", "/").status == 200);
  CHECK(count_of(server->counters(), "200") == 2);
}

TEST_CASE("HEAD announces the body of GET and sends none", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  for (const char* headers : {"", "Accept-Encoding: gzip\r\n"}) {
    const Reply get = request(server->addresses()[0], "GET", "/metrics", headers);
    const Reply head = request(server->addresses()[0], "HEAD", "/metrics", headers);
    CHECK(head.status == 200);
    CHECK(head.body.empty());
    CHECK(head.headers.at("content-length") == std::to_string(get.body.size()));
    CHECK(head.headers.at("content-length") == get.headers.at("content-length"));
  }
}

TEST_CASE("a compressed page is the page", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  const Reply reply = request(server->addresses()[0], "GET", "/metrics", "Accept-Encoding: gzip\r\n");
  CHECK(reply.headers.at("content-encoding") == "gzip");
  CHECK(reply.headers.at("content-length") == std::to_string(reply.body.size()));
  CHECK(gunzip(reply.body) == large_page());
  const Reply refused = request(server->addresses()[0], "GET", "/metrics", "Accept-Encoding: gzip;q=0\r\n");
  CHECK(refused.body == large_page());
}

TEST_CASE("header lines of one name are one list to the handler", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  const Reply reply = request(server->addresses()[0], "GET", "/echo?a=%20b&c", "Accept: x\r\naccept: y\r\n");
  CHECK(reply.body == "GET|/echo|a=%20b&c|x, y||");
  CHECK(reply.headers.at("x-extra") == "1");
}

TEST_CASE("unknown paths, other methods and exceptions have their status", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  const ListenAddress address = server->addresses()[0];
  const Reply missing = request(address, "GET", "/missing");
  CHECK(missing.status == 404);
  CHECK(missing.body.find("/metrics") != std::string::npos);
  const Reply refused = request(address, "DELETE", "/metrics");
  CHECK(refused.status == 405);
  CHECK(refused.headers.at("allow") == "GET, HEAD");
  CHECK(request(address, "GET", "/throw").status == 500);
  CHECK(request(address, "GET", "/").status == 200);
  const Counters counters = server->counters();
  CHECK(count_of(counters, "200") == 1);
  CHECK(count_of(counters, "404") == 1);
  CHECK(count_of(counters, "405") == 1);
  CHECK(count_of(counters, "500") == 1);
  CHECK(count_of(counters, "other") == 0);
}

TEST_CASE("one connection serves many requests", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  const Client client(server->addresses()[0]);
  for (int i = 0; i < 5; ++i) {
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const Reply head = parse_reply(client.read_until("\r\n\r\n"));
    CHECK(head.status == 200);
    CHECK(client.read(std::stoul(head.headers.at("content-length"))) == "hello\n");
  }
  CHECK(count_of(server->counters(), "200") == 5);
}

TEST_CASE("a response without body and one with an unlisted status are served", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  const Reply reply = request(server->addresses()[0], "GET", "/teapot");
  CHECK(reply.status == 418);
  CHECK(reply.body.empty());
  CHECK(reply.headers.at("content-length") == "0");
  CHECK(count_of(server->counters(), "other") == 1);
}

TEST_CASE("a taken port is an error of one line that names the owner", "[http]") {
  const auto server = run({{"127.0.0.1", 0}});
  const std::string address = to_string(server->addresses()[0]);
  const auto second = start_server(server->addresses(), {}, {});
  REQUIRE_FALSE(second);
  CHECK(second.error().system_errno == EADDRINUSE);
  CHECK(second.error().message == "listen on " + address +
                                      ": address already in use; choose another with --web.listen-address; it is held "
                                      "by " +
                                      own_name() + " (pid " + std::to_string(getpid()) + ")");

  const auto all = start_server({{"", server->addresses()[0].port}}, {}, {});
  REQUIRE_FALSE(all);
  CHECK(all.error().message.find("listen on :" + std::to_string(server->addresses()[0].port) +
                                 ": address already in use") == 0);
}

TEST_CASE("the default port, when taken, points to the program that shares it", "[http]") {
  CHECK(taken_port_message({"", 9435}, std::nullopt) ==
        "listen on :9435: address already in use (9435 is also the default port of ebpf_exporter); choose another with "
        "--web.listen-address");
  CHECK(taken_port_message({"::1", 9436}, PortOwner{"nginx", 12}) ==
        "listen on [::1]:9436: address already in use; choose another with --web.listen-address; it is held by nginx "
        "(pid 12)");
}

TEST_CASE("addresses that cannot be bound are errors, and leave nothing bound", "[http]") {
  const auto foreign = start_server({{"192.0.2.1", 0}}, {}, {});
  REQUIRE_FALSE(foreign);
  CHECK(foreign.error().message == "listen on 192.0.2.1:0: Cannot assign requested address");
  const auto unknown = start_server({{"no-such-host.invalid", 0}}, {}, {});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message.find("listen on no-such-host.invalid:0: ") == 0);

  auto free = run({{"127.0.0.1", 0}});
  const ListenAddress address = free->addresses()[0];
  free.reset();
  CHECK_FALSE(start_server({address, {"192.0.2.1", 0}}, {}, {}));
  CHECK(start_server({address}, {}, {}));
}

TEST_CASE("an address that another one takes already is an error that names both", "[http]") {
  const std::uint16_t port = run({{"127.0.0.1", 0}})->addresses()[0].port;
  for (const char* first : {"127.0.0.1", ""}) {
    const auto twice = start_server({{first, port}, {"127.0.0.1", port}}, {}, {});
    REQUIRE_FALSE(twice);
    CHECK(twice.error().message == "listen on 127.0.0.1:" + std::to_string(port) + ": --web.listen-address=" + first +
                                       ":" + std::to_string(port) + " takes this port already; leave one of them out");
  }
  CHECK(start_server({{"127.0.0.1", port}, {"::1", port}}, {}, {}));
}

TEST_CASE("starting and stopping leaves no descriptor open", "[http]") {
  run({{"127.0.0.1", 0}});  // whatever is opened once per process
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 5; ++i) {
    const auto server = run({{"127.0.0.1", 0}, {"", 0}});
    const Client idle(server->addresses()[0]);
    const Client half(server->addresses()[1]);
    half.send("GET / HT");
    CHECK(request(server->addresses()[0], "GET", "/metrics").status == 200);
    CHECK_FALSE(start_server(server->addresses(), {}, {}));
  }
  CHECK(open_descriptors() == before);
}

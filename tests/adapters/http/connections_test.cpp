// Who gets in and who has to go, with real sockets and an hour of our own.
#include "adapters/http/connections.h"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapters/http/unique_fd.h"
#include "catch.h"

using namespace tcpperf::adapters::http;
using namespace std::chrono_literals;

namespace {

ClientKey key(const std::string& address) {
  sockaddr_storage storage{};
  if (address.find(':') == std::string::npos) {
    auto* ipv4 = reinterpret_cast<sockaddr_in*>(&storage);
    ipv4->sin_family = AF_INET;
    inet_pton(AF_INET, address.c_str(), &ipv4->sin_addr);
  } else {
    auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&storage);
    ipv6->sin6_family = AF_INET6;
    inet_pton(AF_INET6, address.c_str(), &ipv6->sin6_addr);
  }
  return client_key(reinterpret_cast<sockaddr*>(&storage));
}

// Connections by name. What is evicted stays open until the test's end, as with a server that is slow to notice.
class Room {
 public:
  explicit Room(unsigned total = 128, unsigned per_client = 32) : connections({total, per_client, 1'000'000}) {}

  bool admit(const std::string& name, const std::string& address) {
    auto& [ours, theirs] = sockets_[name];
    int pair[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    ours = UniqueFd(pair[0]);
    theirs = UniqueFd(pair[1]);
    now += 1ms;
    return connections.admit(ours.get(), key(address), now);
  }
  // Has been answered, and is kept.
  void answer(const std::string& name) {
    connections.step(socket_of(name), Waiting::kForReader, now);
    connections.served(socket_of(name));
    connections.step(socket_of(name), Waiting::kForNextRequest, now);
  }
  void step(const std::string& name, Waiting waiting) { connections.step(socket_of(name), waiting, now); }
  int socket_of(const std::string& name) { return sockets_.at(name).first.get(); }
  bool is_open(const std::string& name) {
    char byte = 0;
    return recv(sockets_.at(name).second.get(), &byte, 1, MSG_DONTWAIT) < 0;
  }
  void close(const std::string& name) {
    connections.closed(socket_of(name));
    sockets_.erase(name);
  }

  Connections::Time now = Connections::Time() + 1h;
  Connections connections;

 private:
  std::map<std::string, std::pair<UniqueFd, UniqueFd>> sockets_;
};

}  // namespace

TEST_CASE("neighbours are an IPv4 /24, an IPv6 /48 and all of this host", "[http]") {
  CHECK(key("192.0.2.1") != key("192.0.2.2"));
  CHECK(network_of(key("192.0.2.1")) == network_of(key("192.0.2.2")));
  CHECK(network_of(key("192.0.2.1")) != network_of(key("192.0.3.1")));
  CHECK(key("::ffff:192.0.2.1") == key("192.0.2.1"));
  CHECK(key("2001:db8:0:1::1") == key("2001:db8:0:1:ffff::2"));
  CHECK(key("2001:db8:0:1::1") != key("2001:db8:0:2::1"));
  CHECK(network_of(key("2001:db8:0:1::1")) == network_of(key("2001:db8:0:2::1")));
  CHECK(network_of(key("2001:db8:1::1")) != network_of(key("2001:db8:2::1")));
  CHECK(network_of(key("127.0.0.1")) == network_of(key("127.9.9.9")));
  CHECK(network_of(key("127.0.0.1")) == network_of(key("::1")));
  CHECK(network_of(key("127.0.0.1")) == network_of(client_key(nullptr)));
  CHECK(network_of(key("127.0.0.1")) != network_of(key("128.0.0.1")));
}

TEST_CASE("of a client's own connections goes the longest that never had an answer, and kept ones last", "[http]") {
  Room room(128, 3);
  for (const char* name : {"kept", "first", "second"}) {
    CHECK(room.admit(name, "192.0.2.1"));
  }
  room.answer("kept");
  CHECK(room.admit("third", "192.0.2.1"));
  CHECK_FALSE(room.is_open("first"));
  CHECK(room.is_open("kept"));
  CHECK(room.is_open("second"));
  // A head that has begun at last is still the first.
  room.step("second", Waiting::kForRequest);
  CHECK(room.admit("fourth", "192.0.2.1"));
  CHECK_FALSE(room.is_open("second"));
  for (const char* name : {"third", "fourth"}) {
    room.now += 1s;
    room.answer(name);
  }
  CHECK(room.admit("fifth", "192.0.2.1"));
  CHECK_FALSE(room.is_open("kept"));
  CHECK(room.connections.refused() == 0);
  CHECK(room.connections.evicted() == 3);
}

TEST_CASE("who waits for us is not ended for another of its client", "[http]") {
  Room room(128, 2);
  for (const char* name : {"a", "b"}) {
    CHECK(room.admit(name, "192.0.2.1"));
    room.step(name, Waiting::kForUs);
  }
  CHECK_FALSE(room.admit("c", "192.0.2.1"));
  CHECK(room.connections.refused() == 1);
}

TEST_CASE("half heads from many networks cannot keep a newcomer out, nor drive it out before its turn", "[http]") {
  Room room;
  for (int i = 0; i < 300; ++i) {
    CHECK(room.admit("half " + std::to_string(i), "10.0." + std::to_string(i % 250) + ".1"));
  }
  CHECK(room.admit("scraper", "192.0.2.1"));
  for (int i = 300; i < 400; ++i) {
    CHECK(room.admit("half " + std::to_string(i), "10.0." + std::to_string(i % 250) + ".1"));
  }
  CHECK(room.is_open("scraper"));
  CHECK(room.connections.refused() == 0);
}

TEST_CASE("the network with most connections gives way first, and in it the client with most", "[http]") {
  Room room(20);
  CHECK(room.admit("other", "192.0.2.1"));
  for (int i = 0; i < 12; ++i) {
    CHECK(room.admit("crowd " + std::to_string(i), "2001:db8:0:" + std::to_string(i) + "::1"));
  }
  for (int i = 0; i < 7; ++i) {
    CHECK(room.admit("greedy " + std::to_string(i), "2001:db8:0:99::1"));
  }
  CHECK(room.admit("new", "198.51.100.1"));
  CHECK_FALSE(room.is_open("greedy 0"));
  CHECK(room.is_open("other"));
  CHECK(room.is_open("crowd 0"));
}

TEST_CASE("who was answered lately loses nothing to who was not, and gets in itself", "[http]") {
  Room room(16);
  CHECK(room.admit("scraper", "192.0.2.1"));
  room.answer("scraper");
  for (int i = 0; i < 15; ++i) {
    const std::string name = "busy " + std::to_string(i);
    CHECK(room.admit(name, "10.0." + std::to_string(i) + ".1"));
    room.step(name, Waiting::kForUs);
  }
  CHECK_FALSE(room.admit("stranger", "10.1.0.1"));
  CHECK(room.is_open("scraper"));
  CHECK(room.admit("scraper again", "192.0.2.1"));
  CHECK_FALSE(room.is_open("busy 0"));
  CHECK(room.is_open("scraper"));
}

TEST_CASE("a network cannot make others forget who was answered", "[http]") {
  RecentClients recent(100, 8);
  recent.remember(key("192.0.2.1"));
  for (int i = 0; i < 1000; ++i) {
    recent.remember(key("2001:db8:0:" + std::to_string(i) + "::1"));
  }
  CHECK(recent.has(key("192.0.2.1")));
  CHECK(recent.has(key("2001:db8:0:999::1")));
  CHECK_FALSE(recent.has(key("2001:db8:0:991::1")));
  for (int i = 0; i < 100; ++i) {
    recent.remember(key("10.0." + std::to_string(i) + ".1"));
  }
  CHECK_FALSE(recent.has(key("192.0.2.1")));
  recent.forget(key("10.0.7.1"));
  CHECK_FALSE(recent.has(key("10.0.7.1")));
}

TEST_CASE("a descriptor that is somebody else's by now is not shut down", "[http]") {
  Room room(1);
  CHECK(room.admit("stale", "192.0.2.1"));
  const int number = room.socket_of("stale");
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  const UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  REQUIRE(dup2(pair[0], number) == number);  // closes the connection without a word, and takes its number
  CHECK(room.admit("new", "192.0.2.2"));
  char byte = 0;
  CHECK(recv(theirs.get(), &byte, 1, MSG_DONTWAIT) < 0);
  CHECK(room.connections.evicted() == 0);
}

TEST_CASE("without descriptors some make room, whoever never had an answer first", "[http]") {
  Room room;
  CHECK_FALSE(room.connections.give_up_some(room.now));
  CHECK(room.admit("kept", "192.0.2.1"));
  room.answer("kept");
  for (int i = 0; i < 5; ++i) {
    CHECK(room.admit("half " + std::to_string(i), "10.0.0." + std::to_string(i)));
  }
  CHECK(room.connections.give_up_some(room.now));
  CHECK(room.connections.evicted() == 4);
  CHECK(room.is_open("kept"));
  CHECK(room.is_open("half 4"));
}

TEST_CASE("of unread pages those of the greediest client go first, then those that are read for too long", "[http]") {
  Room room;
  int body_a = 0;
  int body_b = 0;
  int body_c = 0;
  const auto read = [&](const std::string& name, const std::string& address, const void* body, std::size_t bytes) {
    CHECK(room.admit(name, address));
    room.connections.carries(room.socket_of(name), body, bytes);
    room.step(name, Waiting::kForReader);
  };
  read("greedy 1", "192.0.2.1", &body_a, 40);
  read("greedy 2", "192.0.2.1", &body_b, 40);
  read("modest", "198.51.100.1", &body_c, 40);
  room.connections.free_bodies(10, 50, room.now);
  CHECK_FALSE(room.is_open("greedy 1"));
  CHECK(room.is_open("greedy 2"));
  room.connections.free_bodies(10, 50, room.now);
  CHECK(room.connections.evicted() == 1);
  room.now += Connections::kSafeBody;
  room.connections.free_bodies(40, 50, room.now);  // which who was ended before has not given back yet
  CHECK(room.connections.evicted() == 1);
  room.connections.free_bodies(81, 50, room.now);
  CHECK_FALSE(room.is_open("greedy 2"));
  CHECK_FALSE(room.is_open("modest"));
}

// socket on real traffic: what the socket itself says of its queues and buffers, to the byte.
#include <array>
#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "abi/histogram.h"
#include "catch.h"
#include "measurement.h"
#include "support/faults.h"
#include "support/network_pair.h"
#include "support/socket_address.h"
#include "support/tcp_info.h"
#include "support/traffic.h"
#include "support/wait.h"

namespace {

namespace core = tcpperf::core;
namespace test = tcpperf::test;
using test::Family;
using test::Measurement;
using test::NetworkPair;

constexpr const char* kReceiveQueue = "tcpperf_socket_receive_queue_bytes";
constexpr const char* kSendQueue = "tcpperf_socket_send_queue_bytes";
constexpr const char* kUnsent = "tcpperf_socket_unsent_bytes";
constexpr const char* kReceiveUsed = "tcpperf_socket_receive_buffer_used_ratio";
constexpr const char* kSendUsed = "tcpperf_socket_send_buffer_used_ratio";
constexpr const char* kDrops = "tcpperf_socket_drops_total";

// A connection with both ends in the test's hands.
struct Ends {
  test::Socket client;
  test::Socket server;
  std::uint16_t port = 0;  // the server's
};

Ends connect_ends(const NetworkPair& pair, Family family) {
  const test::Socket listener = test::in_namespace(pair.b(), [&] {
    const test::SocketAddress any = test::socket_address(family, family == Family::kIPv4 ? "0.0.0.0" : "::", 0);
    test::Socket socket(::socket(any.domain(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(socket.get(), any.get(), any.length) != 0 || ::listen(socket.get(), 1) != 0) {
      throw std::runtime_error("listen");
    }
    return socket;
  });
  Ends ends;
  ends.port = test::port_of(listener);
  ends.client = test::connect_to(pair.a(), pair.b(), family, ends.port);
  ends.server = test::Socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return ends;
}

tcpperf::adapters::bpf::FilterTables clients_of(const NetworkPair& pair, const Ends& ends) {
  tcpperf::adapters::bpf::FilterTables filter = test::only_side(pair.a().v4, pair.a().v6);
  filter.remote_port = {{ends.port, ends.port}};
  return filter;
}

tcpperf::adapters::bpf::FilterTables server_of(const NetworkPair& pair, const Ends& ends) {
  tcpperf::adapters::bpf::FilterTables filter = test::only_side(pair.b().v4, pair.b().v6);
  filter.local_port = {{ends.port, ends.port}};
  return filter;
}

double asked(const test::Socket& socket, unsigned long question) {
  int bytes = -1;
  if (::ioctl(socket.get(), question, &bytes) != 0) {
    throw std::runtime_error("ioctl");
  }
  return bytes;
}

// getsockopt(SO_MEMINFO), in the order of enum sk_meminfo of <linux/sock_diag.h>.
struct Memory {
  std::uint32_t rmem_alloc = 0;
  std::uint32_t rcvbuf = 0;
  std::uint32_t wmem_alloc = 0;
  std::uint32_t sndbuf = 0;
  std::uint32_t fwd_alloc = 0;
  std::uint32_t wmem_queued = 0;
  std::uint32_t optmem = 0;
  std::uint32_t backlog = 0;
  std::uint32_t drops = 0;
};

Memory memory_of(const test::Socket& socket) {
  Memory memory;
  socklen_t length = sizeof memory;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_MEMINFO, &memory, &length) != 0) {
    throw std::runtime_error("SO_MEMINFO");
  }
  return memory;
}

double ratio(std::uint32_t part, std::uint32_t whole) {
  return static_cast<double>(tcpperf_ratio(part, whole)) / (1U << 20U);
}

// What one reading more observes: the number of observations and their sum.
struct Step {
  std::uint64_t count = 0;
  double sum = 0;
  bool operator==(const Step&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
  return out << step.count << " observations, sum " << step.sum;
}

class Reader {
 public:
  explicit Reader(Measurement& measurement) : before_(measurement.snapshot()), after_(measurement.snapshot()) {}

  [[nodiscard]] Step operator()(const char* metric) const {
    const core::Histogram before = of(before_, metric);
    const core::Histogram after = of(after_, metric);
    return {after.count() - before.count(), after.sum - before.sum};
  }

 private:
  static core::Histogram of(const core::Snapshot& snapshot, const char* metric) {
    return std::get<core::Histogram>(snapshot.find(metric)->series.at(0).value);
  }

  core::Snapshot before_;
  core::Snapshot after_;
};

// Until nothing is on its way any more and the socket takes no more.
std::uint64_t fill(const test::Socket& socket) {
  ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
  const std::vector<char> chunk(10'007, 'z');
  std::uint64_t taken = 0;
  test::wait_until([&] {
    const ssize_t sent = ::send(socket.get(), chunk.data(), chunk.size(), MSG_NOSIGNAL);
    taken += sent > 0 ? static_cast<std::uint64_t>(sent) : 0;
    return sent < 0 && errno == EAGAIN && test::tcp_info(socket).tcpi_unacked == 0;
  });
  return taken;
}

void set_buffer(const test::Socket& socket, int option, int bytes) {
  if (::setsockopt(socket.get(), SOL_SOCKET, option, &bytes, sizeof bytes) != 0) {
    throw std::runtime_error("setsockopt");
  }
}

}  // namespace

TEST_CASE("what a process does not read is in the receive queue, and a FIN is no byte of it", "[socket]") {
  constexpr std::uint64_t kBytes = 9973;
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    const Ends ends = connect_ends(pair, family);
    Measurement server_side({"socket"}, server_of(pair, ends));
    CHECK(Reader(server_side)(kReceiveQueue) == Step{1, 0});
    test::transfer(ends.client, kBytes);
    test::wait_until([&] { return asked(ends.server, SIOCINQ) == kBytes; });
    {
      const Reader step(server_side);
      const Memory memory = memory_of(ends.server);
      CHECK(step(kReceiveQueue) == Step{1, kBytes});
      CHECK(step(kSendQueue) == Step{1, 0});
      CHECK(memory.rmem_alloc > kBytes);
      CHECK(step(kReceiveUsed) == Step{1, ratio(memory.rmem_alloc, memory.rcvbuf)});
      CHECK(step(kSendUsed) == Step{1, 0});
    }
    std::array<char, 997> read{};
    REQUIRE(::recv(ends.server.get(), read.data(), read.size(), MSG_WAITALL) == 997);
    CHECK(Reader(server_side)(kReceiveQueue) == Step{1, kBytes - read.size()});
    test::half_close(ends.client);
    test::wait_until([&] { return test::tcp_info(ends.server).tcpi_state == 8; });  // CLOSE_WAIT
    CHECK(Reader(server_side)(kReceiveQueue) == Step{1, kBytes - read.size()});
    CHECK(asked(ends.server, SIOCINQ) == kBytes - read.size());
  }
}

TEST_CASE("what a blocked sender has written is in its send queue, and its buffer is full", "[socket]") {
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    const Ends ends = connect_ends(pair, family);
    set_buffer(ends.client, SO_SNDBUF, 50'000);
    Measurement client({"socket"}, clients_of(pair, ends));
    Measurement server_side({"socket"}, server_of(pair, ends));
    const std::uint64_t taken = fill(ends.client);
    const Reader step(client);
    const Memory memory = memory_of(ends.client);
    const double queued = asked(ends.client, SIOCOUTQ);
    REQUIRE(queued > 0);
    CHECK(step(kSendQueue) == Step{1, queued});
    CHECK(step(kUnsent) == Step{1, asked(ends.client, SIOCOUTQNSD)});
    CHECK(step(kUnsent) == Step{1, queued});  // the window is closed
    CHECK(memory.sndbuf == 2 * 50'000);
    CHECK(step(kSendUsed) == Step{1, ratio(memory.wmem_queued, memory.sndbuf)});
    CHECK(step(kSendUsed).sum > 0.6);  // a write waits until a third of it is free
    CHECK(step(kReceiveQueue) == Step{1, 0});
    CHECK(Reader(server_side)(kReceiveQueue) == Step{1, static_cast<double>(taken) - queued});
  }
}

TEST_CASE("what is in flight is in the send queue but not unsent, a FIN is in neither", "[socket]") {
  constexpr std::uint64_t kBytes = 5003;  // less than the first window
  const NetworkPair pair;
  Ends ends = connect_ends(pair, Family::kIPv4);
  Measurement client({"socket"}, clients_of(pair, ends));
  test::Faults faults(pair.b());
  faults.blackhole(ends.port);
  test::transfer(ends.client, kBytes);
  CHECK(Reader(client)(kSendQueue) == Step{1, kBytes});
  CHECK(Reader(client)(kUnsent) == Step{1, 0});
  test::half_close(ends.client);
  CHECK(Reader(client)(kSendQueue) == Step{1, kBytes});
  CHECK(Reader(client)(kUnsent) == Step{1, 0});
  CHECK(asked(ends.client, SIOCOUTQ) == kBytes + 1);
}

TEST_CASE("listening and closed sockets are not observed, and every open one once at each reading", "[socket]") {
  constexpr std::uint64_t kConnections = 13;
  const NetworkPair pair;
  Measurement both({"socket"}, test::only_pair());
  std::vector<Ends> all;
  const std::uint64_t others = Reader(both)(kReceiveQueue).count;
  for (std::uint64_t i = 0; i < kConnections; ++i) {
    all.push_back(connect_ends(pair, test::kAllFamilies[i % 3]));
  }
  CHECK(Reader(both)(kReceiveQueue).count == others + 2 * kConnections);
  for (Ends& ends : all) {
    test::reset(ends.client);
    test::wait_until([&] { return test::tcp_info(ends.server).tcpi_state == 7; });  // CLOSE
  }
  CHECK(Reader(both)(kReceiveQueue).count == others);
}

TEST_CASE("what a socket drops is counted as the socket counts it", "[socket]") {
  const NetworkPair pair;
  Ends ends = connect_ends(pair, Family::kIPv4);
  Measurement client({"socket"}, clients_of(pair, ends));
  Measurement server_side({"socket"}, server_of(pair, ends));
  // Lost ACKs: what has arrived is sent again, and a duplicate is dropped.
  for (std::uint32_t round = 1; round <= 3; ++round) {
    test::Faults faults(pair.a());
    faults.drop_every_nth(test::from_port(ends.port), 1);
    test::transfer(ends.client, 997);
    test::wait_until([&] { return memory_of(ends.server).drops >= round; });
  }
  test::wait_until([&] { return test::tcp_info(ends.client).tcpi_unacked == 0; });
  const std::uint32_t drops = memory_of(ends.server).drops;
  CHECK(server_side.value(kDrops) == drops);
  CHECK(client.value(kDrops) == memory_of(ends.client).drops);
  // Of a connection that was open before, what follows counts.
  Measurement later({"socket"}, server_of(pair, ends));
  CHECK(later.value(kDrops) == 0);
  test::reset(ends.client);
  test::wait_until([&] { return test::tcp_info(ends.server).tcpi_state == 7; });
  CHECK(server_side.value(kDrops) == drops);
}

// The bytes of a sock_diag answer, built by hand: good ones, cut ones, hostile ones.
#include "adapters/netlink/sock_diag_dump.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#include "catch.h"

namespace {

using tcpperf::adapters::Dump;
using tcpperf::adapters::DumpId;
using tcpperf::adapters::parse_dump;
using tcpperf::adapters::read_dump;
using tcpperf::adapters::TcpStateCounts;
using Bytes = std::vector<std::byte>;

constexpr DumpId kId{7, 4321};

struct Spec {
  std::uint16_t type = SOCK_DIAG_BY_FAMILY;
  std::uint16_t flags = NLM_F_MULTI;
  DumpId id = kId;
};

Bytes message(const Spec& spec, std::span<const std::byte> payload) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + payload.size());
  header.nlmsg_type = spec.type;
  header.nlmsg_flags = spec.flags;
  header.nlmsg_seq = spec.id.sequence;
  header.nlmsg_pid = spec.id.port_id;
  Bytes bytes((header.nlmsg_len + 3U) & ~3U);
  std::memcpy(bytes.data(), &header, sizeof header);
  std::copy(payload.begin(), payload.end(), bytes.begin() + sizeof header);
  return bytes;
}

template <typename T>
Bytes message_of(const Spec& spec, const T& object) {
  return message(spec, std::as_bytes(std::span(&object, 1)));
}

Bytes socket_in(std::uint8_t state, const Spec& spec = {}) {
  inet_diag_msg content{};
  content.idiag_family = AF_INET;
  content.idiag_state = state;
  return message_of(spec, content);
}

Bytes done(int result = 0) {
  return message_of({.type = NLMSG_DONE}, result);
}

Bytes kernel_error(int negative_errno) {
  nlmsgerr content{};
  content.error = negative_errno;
  return message_of({.type = NLMSG_ERROR, .flags = 0}, content);
}

Bytes join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

std::uint64_t total(const TcpStateCounts& counts) {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts) {
    sum += count;
  }
  return sum;
}

void set_length(Bytes& bytes, std::uint32_t length) {
  std::memcpy(bytes.data(), &length, sizeof length);
}

// Two ends of a datagram connection: what is sent into one is "the kernel's answer" at the other.
struct FakeKernel {
  int ends[2] = {};

  FakeKernel() { REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0); }
  ~FakeKernel() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  FakeKernel(const FakeKernel&) = delete;
  FakeKernel& operator=(const FakeKernel&) = delete;

  void answer(const Bytes& bytes) const {
    REQUIRE(::send(ends[1], bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }
  [[nodiscard]] auto read(std::chrono::milliseconds patience = std::chrono::seconds(10)) const {
    return read_dump(ends[0], kId, std::chrono::steady_clock::now() + patience);
  }
};

}  // namespace

TEST_CASE("each socket message counts in its state", "[netlink]") {
  Dump dump;
  REQUIRE(parse_dump(join({socket_in(1), socket_in(10), socket_in(1), socket_in(12), socket_in(6)}), kId, dump));
  CHECK(dump.counts == TcpStateCounts{0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1});
  CHECK_FALSE(dump.complete);
  CHECK_FALSE(dump.interrupted);
}

TEST_CASE("a state without a number of ours counts as unknown", "[netlink]") {
  Dump dump;
  REQUIRE(parse_dump(join({socket_in(0), socket_in(13), socket_in(255), socket_in(11)}), kId, dump));
  CHECK(dump.counts == TcpStateCounts{3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0});
}

TEST_CASE("attributes behind a socket are skipped", "[netlink]") {
  inet_diag_msg content{};
  content.idiag_state = 1;
  Bytes payload(sizeof content + 9, std::byte{0xff});  // and an odd length that needs padding
  std::memcpy(payload.data(), &content, sizeof content);
  Dump dump;
  REQUIRE(parse_dump(join({message({}, payload), socket_in(1), done()}), kId, dump));
  CHECK(dump.counts[1] == 2);
  CHECK(dump.complete);
}

TEST_CASE("a dump ends with its closing message and nothing counts after it", "[netlink]") {
  Dump dump;
  REQUIRE(parse_dump(join({socket_in(1), done(), socket_in(1)}), kId, dump));
  CHECK(dump.complete);
  CHECK(dump.counts[1] == 1);
}

TEST_CASE("messages of other requests are skipped", "[netlink]") {
  Dump dump;
  REQUIRE(parse_dump(join({socket_in(1, {.id = {6, 4321}}), socket_in(1, {.id = {7, 1}}), socket_in(2),
                           message_of({.type = NLMSG_DONE, .id = {6, 4321}}, 0)}),
                     kId, dump));
  CHECK(dump.counts == TcpStateCounts{0, 0, 1});
  CHECK_FALSE(dump.complete);
}

TEST_CASE("an interrupted dump is marked wherever the kernel says so", "[netlink]") {
  Dump on_socket;
  REQUIRE(parse_dump(join({socket_in(1, {.flags = NLM_F_MULTI | NLM_F_DUMP_INTR}), socket_in(1)}), kId, on_socket));
  CHECK(on_socket.interrupted);
  CHECK(on_socket.counts[1] == 2);
  Dump at_end;
  REQUIRE(parse_dump(message_of({.type = NLMSG_DONE, .flags = NLM_F_MULTI | NLM_F_DUMP_INTR}, 0), kId, at_end));
  CHECK(at_end.interrupted);
  CHECK(at_end.complete);
}

TEST_CASE("errors of the kernel are returned with their errno", "[netlink]") {
  Dump dump;
  const auto denied = parse_dump(join({socket_in(1), kernel_error(-EPERM)}), kId, dump);
  REQUIRE_FALSE(denied);
  CHECK(denied.error().system_errno == EPERM);
  CHECK(dump.counts[1] == 1);

  const auto missing = parse_dump(kernel_error(-ENOENT), kId, dump);
  REQUIRE_FALSE(missing);
  CHECK_THAT(missing.error().message, contains_text("tcp_diag"));

  const auto late = parse_dump(done(-ENOMEM), kId, dump);
  REQUIRE_FALSE(late);
  CHECK(late.error().system_errno == ENOMEM);
  CHECK_FALSE(dump.complete);

  for (const int nonsense : {0, 1, INT_MIN, -100000}) {
    const auto refused = parse_dump(kernel_error(nonsense), kId, dump);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().system_errno == EPROTO);
  }
  CHECK_FALSE(parse_dump(message({.type = NLMSG_OVERRUN}, {}), kId, dump));
}

TEST_CASE("no-operation messages and a closing message without content are accepted", "[netlink]") {
  Dump dump;
  REQUIRE(parse_dump(join({message({.type = NLMSG_NOOP}, {}), message({.type = NLMSG_DONE}, {})}), kId, dump));
  CHECK(dump.complete);
  CHECK(total(dump.counts) == 0);
}

TEST_CASE("messages whose length cannot be are refused", "[netlink]") {
  for (const std::uint32_t length : {0U, 1U, 15U, 89U, 0x7fffffffU, 0xfffffffcU, 0xffffffffU}) {
    INFO(length);
    Bytes bytes = socket_in(1);
    REQUIRE(bytes.size() == 88);
    set_length(bytes, length);
    Dump dump;
    CHECK_FALSE(parse_dump(bytes, kId, dump));
    CHECK(total(dump.counts) == 0);
  }
}

TEST_CASE("messages too short for their type are refused", "[netlink]") {
  const Bytes little(sizeof(inet_diag_msg) - 1);
  Dump dump;
  CHECK_FALSE(parse_dump(message({}, little), kId, dump));
  CHECK_FALSE(parse_dump(message({.type = NLMSG_ERROR}, std::span(little).first(sizeof(nlmsgerr) - 1)), kId, dump));
  CHECK_FALSE(parse_dump(message({.type = 99}, little), kId, dump));
  CHECK(total(dump.counts) == 0);
}

TEST_CASE("an answer cut anywhere is counted up to there and then refused", "[netlink]") {
  const Bytes whole = join({socket_in(1), socket_in(2), done()});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO(length);
    // On the heap with exactly this size: a read past the end is seen by the sanitizer.
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    Dump dump;
    const bool at_border = length % 88 == 0;
    CHECK(parse_dump(cut, kId, dump).has_value() == at_border);
    CHECK(total(dump.counts) == length / 88);
    CHECK_FALSE(dump.complete);
  }
}

TEST_CASE("bytes need not be aligned", "[netlink]") {
  const Bytes whole = join({socket_in(1), socket_in(4), done()});
  for (std::size_t shift = 0; shift < 8; ++shift) {
    Bytes moved(shift);
    moved.insert(moved.end(), whole.begin(), whole.end());
    Dump dump;
    REQUIRE(parse_dump(std::span(moved).subspan(shift), kId, dump));
    CHECK(dump.counts == TcpStateCounts{0, 1, 0, 0, 1});
  }
}

TEST_CASE("any bytes are parsed to an end", "[netlink]") {
  std::mt19937 random(20);
  const Bytes good = join({socket_in(1), socket_in(2), socket_in(3), kernel_error(-EPERM), done()});
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes = good;
    bytes.resize(random() % (good.size() + 1));
    for (unsigned flips = random() % 8; flips > 0 && !bytes.empty(); --flips) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    Dump dump;
    (void)parse_dump(bytes, kId, dump).has_value();
    CHECK(total(dump.counts) <= 3);
  }
}

TEST_CASE("a dump is read over as many datagrams as it takes", "[netlink]") {
  const FakeKernel kernel;
  kernel.answer(join({socket_in(1), socket_in(1)}));
  kernel.answer(socket_in(10));
  kernel.answer(done());
  const auto dump = kernel.read();
  REQUIRE(dump);
  CHECK(dump->complete);
  CHECK(dump->counts == TcpStateCounts{0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

TEST_CASE("a dump that never ends is given up", "[netlink]") {
  const FakeKernel silent;
  const auto nothing = silent.read(std::chrono::milliseconds(20));
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().system_errno == ETIMEDOUT);

  const FakeKernel talking;
  std::jthread talker([&](const std::stop_token& stop) {
    const Bytes bytes = socket_in(1);
    while (!stop.stop_requested()) {
      (void)::send(talking.ends[1], bytes.data(), bytes.size(), 0);
    }
  });
  const auto endless = talking.read(std::chrono::milliseconds(50));
  REQUIRE_FALSE(endless);
  CHECK(endless.error().system_errno == ETIMEDOUT);
}

TEST_CASE("a deadline in the past is a timeout, not a wait", "[netlink]") {
  const FakeKernel kernel;
  const auto dump = kernel.read(std::chrono::milliseconds(-1));
  REQUIRE_FALSE(dump);
  CHECK(dump.error().system_errno == ETIMEDOUT);
}

TEST_CASE("a datagram larger than the buffer and an empty one are errors", "[netlink]") {
  const FakeKernel kernel;
  kernel.answer(Bytes(40000));
  const auto large = kernel.read();
  REQUIRE_FALSE(large);
  CHECK_THAT(large.error().message, contains_text("40000"));
  ::shutdown(kernel.ends[1], SHUT_WR);
  CHECK_FALSE(kernel.read());
}

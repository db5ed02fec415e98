// More traffic than anybody has room for, in the network namespace where it is started; FIRST is the first of ADDRESSES
// IPv4 addresses that it comes from.
//
// usage: tcpperf_flood_maker accept ADDRESS BACKLOG
//            accepts and closes; says its port and goes on until it is killed
//        tcpperf_flood_maker syns ADDRESS PORT FIRST ADDRESSES COUNT
//            SYNs that nobody answers for
//        tcpperf_flood_maker connect ADDRESS PORT FIRST ADDRESSES COUNT SECONDS
//            connections, most of them broken off; ends at the first of both limits and says how many there were
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <unistd.h>

#include "support/flood.h"

namespace {

namespace test = tcpperf::test;

// Of a thread; so the acceptor's queue is never longer than twice that.
constexpr std::uint32_t kOrderlyNth = 16;

template <typename Number>
Number number(const std::string& text) {
  Number value{};
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{}) {
    throw std::runtime_error("not a number: " + text);
  }
  return value;
}

test::SourceAddresses sources(const std::string& first, const std::string& count) {
  in_addr address{};
  if (::inet_pton(AF_INET, first.c_str(), &address) != 1) {
    throw std::runtime_error("not an IPv4 address: " + first);
  }
  return {ntohl(address.s_addr), number<std::uint32_t>(count)};
}

void run(const std::vector<std::string>& words) {
  const std::string_view mode = words.empty() ? "" : std::string_view(words[0]);
  if (mode == "accept" && words.size() == 3) {
    const test::Acceptor acceptor(words[1], /*port=*/0, number<int>(words[2]));
    std::printf("accepts on port %u\n", unsigned{acceptor.port()});
    std::fflush(stdout);
    for (;;) {
      ::pause();
    }
  }
  if (mode == "syns" && words.size() == 6) {
    test::send_syns({words[1], number<std::uint16_t>(words[2])}, sources(words[3], words[4]),
                    number<std::uint64_t>(words[5]));
    return;
  }
  if (mode == "connect" && words.size() == 7) {
    const std::uint64_t made =
        test::make_connections({words[1], number<std::uint16_t>(words[2])}, sources(words[3], words[4]),
                               {.connections = number<std::uint64_t>(words[5]),
                                .duration = std::chrono::seconds(number<std::uint32_t>(words[6])),
                                .orderly_nth = kOrderlyNth});
    std::printf("%llu\n", static_cast<unsigned long long>(made));
    return;
  }
  throw std::runtime_error("usage: see the beginning of tests/e2e/flood_maker.cpp");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

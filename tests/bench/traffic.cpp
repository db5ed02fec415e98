// Traffic over loopback of one of three kinds, until the end of standard input. Each line there is answered by what was
// done since the one before, or since the beginning, as one line of JSON.
//
// usage: tcpperf_bench_traffic bulk|request|connect FLOWS
//   bulk     each flow sends 128 KiB at a time, as fast as it goes: `operations` are bytes
//   request  each flow sends 64 bytes and waits for 64: `operations` are exchanges
//   connect  each flow connects, exchanges one byte and closes: `operations` are connections
// `p50_us` and `p99_us` are of an operation (bulk: of a write).
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "support/socket.h"

namespace {

using tcpperf::test::Socket;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBulkBytes = std::size_t{128} * 1024;
constexpr std::size_t kRequestBytes = 64;

enum class Kind { kBulk, kRequest, kConnect };

struct Done {
  std::uint64_t operations = 0;
  std::vector<std::uint32_t> latencies_ns;
};

// Of one flow, since it was last asked. Used by two threads.
class Account {
 public:
  Account() { done_.latencies_ns.reserve(kRoom); }

  void add(std::uint64_t operations, std::chrono::nanoseconds latency) {
    const std::lock_guard lock(mutex_);
    done_.operations += operations;
    done_.latencies_ns.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(latency.count(), UINT32_MAX)));
  }

  Done take() {
    Done fresh;
    fresh.latencies_ns.reserve(kRoom);
    const std::lock_guard lock(mutex_);
    std::swap(fresh, done_);
    return fresh;
  }

 private:
  static constexpr std::size_t kRoom = std::size_t{1} << 17U;

  std::mutex mutex_;
  Done done_;
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "tcpperf_bench_traffic: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

Socket stream() {
  Socket fresh(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Whatever the machine's default is. BBR would pace by how fast it was so far: where the CPU is the bottleneck, it
  // makes much of a small delay.
  constexpr std::string_view kCongestionControl = "cubic";
  if (fresh.get() < 0 ||
      setsockopt(fresh.get(), IPPROTO_TCP, TCP_CONGESTION, kCongestionControl.data(), kCongestionControl.size()) != 0) {
    fail("socket with cubic");
  }
  return fresh;
}

Socket listen_on(sockaddr_in& address) {
  Socket listener = stream();
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener.get(), generic, length) != 0 || listen(listener.get(), 1024) != 0 ||
      getsockname(listener.get(), generic, &length) != 0) {
    fail("listen");
  }
  return listener;
}

Socket connect_to(const sockaddr_in& address) {
  Socket fresh = stream();
  if (connect(fresh.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    fail("connect");
  }
  const int on = 1;
  setsockopt(fresh.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fresh;
}

// False at the end of the connection.
bool receive(const Socket& socket, char* data, std::size_t size) {
  return recv(socket.get(), data, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

bool send_all(const Socket& socket, const char* data, std::size_t size) {
  return send(socket.get(), data, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}

void answer(const Socket& socket, Kind kind) {
  std::vector<char> buffer(kBulkBytes);
  if (kind == Kind::kBulk) {
    while (recv(socket.get(), buffer.data(), buffer.size(), 0) > 0) {
    }
    return;
  }
  const std::size_t size = kind == Kind::kRequest ? kRequestBytes : 1;
  while (receive(socket, buffer.data(), size) && send_all(socket, buffer.data(), size)) {
  }
}

// One thread per flow, or, where connections come and go, one for each of those who connect.
void serve(const Socket& listener, Kind kind, unsigned flows) {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < flows; ++i) {
    if (kind == Kind::kConnect) {
      threads.emplace_back([&listener] {
        while (true) {
          const Socket accepted(accept(listener.get(), nullptr, nullptr));
          if (accepted.get() < 0) {
            return;
          }
          answer(accepted, Kind::kConnect);
        }
      });
    } else {
      threads.emplace_back(
          [kind, accepted = Socket(accept(listener.get(), nullptr, nullptr))] { answer(accepted, kind); });
    }
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

bool operate(const Socket& socket, Kind kind, std::vector<char>& buffer, const sockaddr_in& address) {
  switch (kind) {
    case Kind::kBulk: return send_all(socket, buffer.data(), kBulkBytes);
    case Kind::kRequest:
      return send_all(socket, buffer.data(), kRequestBytes) && receive(socket, buffer.data(), kRequestBytes);
    case Kind::kConnect: {
      const Socket fresh = connect_to(address);
      // Ended by a reset: no port stays behind in TIME_WAIT.
      const linger now{1, 0};
      setsockopt(fresh.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
      return send_all(fresh, buffer.data(), 1) && receive(fresh, buffer.data(), 1);
    }
  }
  return false;
}

void run_flow(Account& account, Kind kind, const sockaddr_in& address, const std::atomic<bool>& ended) {
  std::vector<char> buffer(kBulkBytes, 'x');
  const Socket socket = kind == Kind::kConnect ? Socket() : connect_to(address);
  for (Clock::time_point before = Clock::now(); !ended;) {
    if (!operate(socket, kind, buffer, address)) {
      fail("operate");
    }
    const Clock::time_point after = Clock::now();
    account.add(kind == Kind::kBulk ? kBulkBytes : 1, after - before);
    before = after;
  }
}

double quantile_us(const std::vector<std::uint32_t>& sorted_ns, double q) {
  const auto at = static_cast<std::size_t>(q * static_cast<double>(sorted_ns.size() - 1));
  return sorted_ns.empty() ? 0 : sorted_ns[at] / 1000.0;
}

void report(std::vector<Account>& accounts, std::chrono::duration<double> took) {
  std::uint64_t operations = 0;
  std::vector<std::uint32_t> all;
  for (Account& account : accounts) {
    const Done done = account.take();
    operations += done.operations;
    all.insert(all.end(), done.latencies_ns.begin(), done.latencies_ns.end());
  }
  std::sort(all.begin(), all.end());
  std::printf(R"({"operations": %llu, "seconds": %.6f, "p50_us": %.3f, "p99_us": %.3f})"
              "\n",
              static_cast<unsigned long long>(operations), took.count(), quantile_us(all, 0.5), quantile_us(all, 0.99));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc == 3 ? argv[1] : "";
  if (name != "bulk" && name != "request" && name != "connect") {
    std::fprintf(stderr, "usage: tcpperf_bench_traffic bulk|request|connect FLOWS\n");
    return 2;
  }
  const Kind kind = name == "bulk" ? Kind::kBulk : name == "request" ? Kind::kRequest : Kind::kConnect;
  const auto flows = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
  sockaddr_in address{};
  const Socket listener = listen_on(address);
  std::thread server(serve, std::cref(listener), kind, flows);
  std::vector<Account> accounts(flows);
  std::vector<std::thread> clients;
  std::atomic<bool> ended = false;
  clients.reserve(flows);
  for (Account& account : accounts) {
    clients.emplace_back([&account, kind, &address, &ended] { run_flow(account, kind, address, ended); });
  }
  Clock::time_point begun = Clock::now();
  for (std::string line; std::getline(std::cin, line);) {
    const Clock::time_point now = Clock::now();
    report(accounts, now - begun);
    begun = now;
  }
  ended = true;
  for (std::thread& client : clients) {
    client.join();
  }
  shutdown(listener.get(), SHUT_RDWR);  // ends accept()
  server.join();
  return 0;
}

#include "support/flood.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "support/socket_address.h"

namespace tcpperf::test {
namespace {

[[noreturn]] void fail(const char* what, int error) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(error));
}

sockaddr_in ipv4(const Target& target) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.port);
  if (::inet_pton(AF_INET, target.v4.c_str(), &address.sin_addr) != 1) {
    throw std::runtime_error("not an IPv4 address: " + target.v4);
  }
  return address;
}

std::uint16_t checksum(const void* data, std::size_t bytes, std::uint32_t sum) {
  const auto* words = static_cast<const std::uint16_t*>(data);
  for (std::size_t i = 0; i < bytes / 2; ++i) {
    sum += words[i];
  }
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~((sum & 0xffff) + (sum >> 16)));
}

struct Packet {
  iphdr ip;
  tcphdr tcp;
};

// The kernel adds the checksum of the IP header.
Packet syn(const sockaddr_in& to, std::uint32_t from, std::uint64_t number) {
  Packet packet{};
  packet.ip.version = 4;
  packet.ip.ihl = 5;
  packet.ip.ttl = 64;
  packet.ip.protocol = IPPROTO_TCP;
  packet.ip.tot_len = htons(sizeof(packet));
  packet.ip.saddr = htonl(from);
  packet.ip.daddr = to.sin_addr.s_addr;
  packet.tcp.source = htons(static_cast<std::uint16_t>(1024 + number % 60000));
  packet.tcp.dest = to.sin_port;
  packet.tcp.seq = htonl(static_cast<std::uint32_t>(number * 2654435761U));
  packet.tcp.doff = 5;
  packet.tcp.syn = 1;
  packet.tcp.window = htons(65535);
  const std::array<std::uint16_t, 6> pseudo = {static_cast<std::uint16_t>(packet.ip.saddr),
                                               static_cast<std::uint16_t>(packet.ip.saddr >> 16),
                                               static_cast<std::uint16_t>(packet.ip.daddr),
                                               static_cast<std::uint16_t>(packet.ip.daddr >> 16),
                                               htons(IPPROTO_TCP),
                                               htons(sizeof(packet.tcp))};
  std::uint32_t sum = 0;
  for (const std::uint16_t word : pseudo) {
    sum += word;
  }
  packet.tcp.check = checksum(&packet.tcp, sizeof(packet.tcp), sum);
  return packet;
}

// errno of what failed, or 0.
int connect_once(const sockaddr_in& to, std::uint32_t from_address, bool orderly) {
  const Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(from_address);
  const int yes = 1;
  // The port is chosen with the connection, so each address has all of them for each target.
  ::setsockopt(socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
  if (socket.get() < 0 || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&from), sizeof(from)) != 0 ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    return errno;
  }
  if (orderly) {
    ::shutdown(socket.get(), SHUT_WR);
    for (char byte = 0; ::recv(socket.get(), &byte, 1, 0) > 0;) {
    }
    return 0;
  }
  const linger break_off{1, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &break_off, sizeof(break_off));
  return 0;
}

}  // namespace

void send_syns(const Target& target, const SourceAddresses& sources, std::uint64_t count) {
  const sockaddr_in to = ipv4(target);
  const Socket raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (raw.get() < 0) {
    fail("raw socket", errno);
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const Packet packet = syn(to, sources.address(i), i);
    while (::sendto(raw.get(), &packet, sizeof(packet), 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) < 0) {
      if (errno != ENOBUFS) {
        fail("send a SYN", errno);
      }
    }
  }
}

std::uint64_t make_connections(const Target& target, const SourceAddresses& sources, const ChurnLimits& limits) {
  constexpr std::uint64_t kThreads = 2;
  const sockaddr_in to = ipv4(target);
  const auto end = std::chrono::steady_clock::now() + limits.duration;
  std::atomic<int> error = 0;
  std::atomic<std::uint64_t> made = 0;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::uint64_t own = 0;
      for (std::uint64_t i = t; i < limits.connections && error == 0 && std::chrono::steady_clock::now() < end;
           i += kThreads) {
        const bool orderly = limits.orderly_nth != 0 && own % limits.orderly_nth == limits.orderly_nth - 1;
        if (const int failed = connect_once(to, sources.address(i), orderly); failed != 0) {
          error = failed;
          break;
        }
        ++own;
      }
      made += own;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  if (error != 0) {
    fail("connect from one of many addresses", error);
  }
  return made;
}

Acceptor::Acceptor(const std::string& v4, std::uint16_t port, int backlog)
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_in address = ipv4({v4, port});
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener_.get(), backlog) != 0) {
    fail("listen", errno);
  }
  port_ = port_of(listener_);
  thread_ = std::thread([this] {
    for (int fd = 0; (fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)) >= 0 || errno == ECONNABORTED;) {
      const Socket accepted(fd);
    }
  });
}

Acceptor::~Acceptor() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  thread_.join();
}

}  // namespace tcpperf::test

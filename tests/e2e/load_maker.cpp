// Asks an HTTP server on loopback as fast as it answers: many connections that stay open, several requests on the way
// on each. Prints what came back as one line of JSON.
//
// usage: tcpperf_load_maker PORT PATH SECONDS CONNECTIONS PIPELINED CLIENTS [HEADER...]
// The connections come from CLIENTS addresses, 127.0.0.2 and up.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

struct Connection {
  int fd = -1;
  std::string unsent;
  std::string head;                 // what of the next response's head has come
  std::size_t body_left_bytes = 0;  // of the response whose head is read
};

struct Totals {
  std::map<std::string, std::uint64_t> responses;  // by status
  std::uint64_t bytes = 0;
  std::uint64_t closed = 0;  // connections that the server has ended
};

unsigned long number(const char* text) {
  return std::strtoul(text, nullptr, 10);
}

int connect_from(std::uint16_t port, unsigned client) {
  constexpr std::uint32_t kFirstClient = 0x7F000002;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(kFirstClient + client);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof(from)) != 0 ||
      connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) {
    std::perror("connect");
    std::exit(1);
  }
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return fd;
}

std::size_t content_length(std::string_view head) {
  constexpr std::string_view kName = "Content-Length: ";
  const std::size_t at = head.find(kName);
  std::size_t length = 0;
  if (at != std::string_view::npos) {
    std::from_chars(head.data() + at + kName.size(), head.data() + head.size(), length);
  }
  return length;
}

// Counts the responses that are complete, and how many more requests that makes room for.
unsigned take(Connection& connection, std::string_view bytes, Totals& totals) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  unsigned done = 0;
  totals.bytes += bytes.size();
  while (!bytes.empty()) {
    const std::size_t skipped = std::min(connection.body_left_bytes, bytes.size());
    connection.body_left_bytes -= skipped;
    bytes.remove_prefix(skipped);
    if (bytes.empty()) {
      break;
    }
    const std::size_t before = connection.head.size();
    connection.head += bytes;
    const std::size_t end = connection.head.find(kEnd);
    if (end == std::string::npos) {
      break;
    }
    bytes.remove_prefix(end + kEnd.size() - before);
    connection.head.resize(end);
    ++totals.responses[connection.head.substr(std::string_view("HTTP/1.1 ").size(), 3)];
    connection.body_left_bytes = content_length(connection.head);
    connection.head.clear();
    ++done;
  }
  return done;
}

// False when the server has ended the connection.
bool serve(Connection& connection, const std::string& request, Totals& totals) {
  static std::array<char, 1U << 18U> buffer;
  const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), 0);
  if (got == 0 || (got < 0 && errno != EAGAIN)) {
    return false;
  }
  if (got > 0) {
    const unsigned done = take(connection, {buffer.data(), static_cast<std::size_t>(got)}, totals);
    for (unsigned i = 0; i < done; ++i) {
      connection.unsent += request;
    }
  }
  const ssize_t sent = send(connection.fd, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
  if (sent > 0) {
    connection.unsent.erase(0, static_cast<std::size_t>(sent));
  }
  return sent >= 0 || errno == EAGAIN;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kHeaders = 7;
  if (argc < kHeaders) {
    std::fprintf(stderr, "usage: %s PORT PATH SECONDS CONNECTIONS PIPELINED CLIENTS [HEADER...]\n", argv[0]);
    return 2;
  }
  const auto port = static_cast<std::uint16_t>(number(argv[1]));
  const std::chrono::seconds duration(number(argv[3]));
  const auto clients = static_cast<unsigned>(number(argv[6]));
  std::string request = "GET " + std::string(argv[2]) + " HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = kHeaders; i < argc; ++i) {
    request += std::string(argv[i]) + "\r\n";
  }
  request += "\r\n";

  std::vector<Connection> connections(number(argv[4]));
  for (std::size_t i = 0; i < connections.size(); ++i) {
    connections[i].fd = connect_from(port, static_cast<unsigned>(i) % clients);
    for (unsigned long j = 0; j < number(argv[5]); ++j) {
      connections[i].unsent += request;
    }
  }
  Totals totals;
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  std::vector<pollfd> watched;
  while (std::chrono::steady_clock::now() - start < duration && totals.closed < connections.size()) {
    watched.clear();
    for (const Connection& each : connections) {
      watched.push_back({each.fd, static_cast<short>(POLLIN | (each.unsent.empty() ? 0 : POLLOUT)), 0});
    }
    poll(watched.data(), watched.size(), 100);
    for (std::size_t i = 0; i < connections.size(); ++i) {
      if (connections[i].fd >= 0 && watched[i].revents != 0 && !serve(connections[i], request, totals)) {
        close(connections[i].fd);
        connections[i].fd = -1;
        ++totals.closed;
      }
    }
  }
  std::printf(R"({"seconds": %.3f, "bytes": %llu, "closed": %llu, "responses": {)", seconds(),
              static_cast<unsigned long long>(totals.bytes), static_cast<unsigned long long>(totals.closed));
  const char* comma = "";
  for (const auto& [status, count] : totals.responses) {
    std::printf(R"(%s"%s": %llu)", comma, status.c_str(), static_cast<unsigned long long>(count));
    comma = ", ";
  }
  std::printf("}}\n");
  return 0;
}

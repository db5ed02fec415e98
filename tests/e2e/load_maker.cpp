// Asks an HTTP server on loopback as fast as it answers: many connections that stay open, several requests on the way
// on each. Prints what arrived there and what came back as one line of JSON.
//
// usage: tcpperf_load_maker [--head] [--deaf] [--first N] PORT PATH SECONDS CONNECTIONS PIPELINED CLIENTS [HEADER...]
// The connections come from CLIENTS addresses, 127.0.0.2 and up, or from the Nth of these on. With --head it asks by
// HEAD. With --deaf it reads nothing, sends as much as it can, and connects again when the server has ended a
// connection.
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
#include <getopt.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

struct Options {
  std::uint16_t port = 0;  // in host byte order
  std::chrono::seconds duration{};
  std::size_t connections = 0;
  unsigned pipelined = 0;
  unsigned first_client = 0;
  unsigned clients = 0;
  bool head = false;
  bool deaf = false;
  std::string request;
};

struct Connection {
  int fd = -1;
  std::uint32_t client = 0;  // address, in host byte order
  std::string unsent;
  std::string head;                 // what of the next response's head has come
  std::size_t body_left_bytes = 0;  // of the response whose head is read
};

struct Totals {
  std::uint64_t requests = 0;                      // whole ones that have arrived, read by the server or not
  std::map<std::string, std::uint64_t> responses;  // by status
  std::uint64_t bytes = 0;
  std::uint64_t closed = 0;  // connections that the server has ended
};

unsigned long number(const char* text) {
  return std::strtoul(text, nullptr, 10);
}

int connect_from(std::uint16_t port, std::uint32_t client) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(client);
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

Connection open_connection(std::uint32_t client, const Options& options) {
  Connection opened;
  opened.fd = connect_from(options.port, client);
  opened.client = client;
  for (unsigned i = 0; i < options.pipelined; ++i) {
    opened.unsent += options.request;
  }
  return opened;
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
unsigned take(Connection& connection, std::string_view bytes, bool bodies, Totals& totals) {
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
    connection.body_left_bytes = bodies ? content_length(connection.head) : 0;
    connection.head.clear();
    ++done;
  }
  return done;
}

// Of a connection that ends, or at the end of all.
std::uint64_t arrived_requests(const Connection& connection, const Options& options) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (connection.fd < 0 || getsockopt(connection.fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
    return 0;
  }
  return info.tcpi_bytes_acked / options.request.size();
}

// False when the server has ended the connection.
bool send_requests(Connection& connection) {
  const ssize_t sent = send(connection.fd, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
  if (sent > 0) {
    connection.unsent.erase(0, static_cast<std::size_t>(sent));
  }
  return sent >= 0 || errno == EAGAIN;
}

bool serve(Connection& connection, const Options& options, Totals& totals) {
  static std::array<char, 1U << 18U> buffer;
  if (options.deaf) {
    while (connection.unsent.size() < options.pipelined * options.request.size()) {
      connection.unsent += options.request;
    }
    return send_requests(connection);
  }
  const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), 0);
  if (got == 0 || (got < 0 && errno != EAGAIN)) {
    return false;
  }
  if (got > 0) {
    const unsigned done = take(connection, {buffer.data(), static_cast<std::size_t>(got)}, !options.head, totals);
    for (unsigned i = 0; i < done; ++i) {
      connection.unsent += options.request;
    }
  }
  return send_requests(connection);
}

void serve_all(std::vector<Connection>& connections, const Options& options, Totals& totals) {
  static std::vector<pollfd> watched;
  watched.clear();
  for (const Connection& each : connections) {
    const int reading = options.deaf ? 0 : POLLIN;
    const int writing = options.deaf || !each.unsent.empty() ? POLLOUT : 0;
    watched.push_back({each.fd, static_cast<short>(reading | writing), 0});
  }
  poll(watched.data(), watched.size(), 100);
  for (std::size_t i = 0; i < connections.size(); ++i) {
    Connection& each = connections[i];
    if (each.fd < 0 || watched[i].revents == 0 || serve(each, options, totals)) {
      continue;
    }
    totals.requests += arrived_requests(each, options);
    close(each.fd);
    each.fd = -1;
    ++totals.closed;
    if (options.deaf) {
      each = open_connection(each.client, options);
    }
  }
}

void print(const Totals& totals, double seconds) {
  std::printf(R"({"seconds": %.3f, "requests": %llu, "bytes": %llu, "closed": %llu, "responses": {)", seconds,
              static_cast<unsigned long long>(totals.requests), static_cast<unsigned long long>(totals.bytes),
              static_cast<unsigned long long>(totals.closed));
  const char* comma = "";
  for (const auto& [status, count] : totals.responses) {
    std::printf(R"(%s"%s": %llu)", comma, status.c_str(), static_cast<unsigned long long>(count));
    comma = ", ";
  }
  std::printf("}}\n");
}

// Exits when they make no sense.
Options parse(int argc, char** argv) {
  constexpr int kArguments = 6;
  const std::array<option, 4> known{{{"head", no_argument, nullptr, 'h'},
                                     {"deaf", no_argument, nullptr, 'd'},
                                     {"first", required_argument, nullptr, 'f'},
                                     {nullptr, 0, nullptr, 0}}};
  Options options;
  bool wrong = false;
  for (int found = 0; (found = getopt_long(argc, argv, "+", known.data(), nullptr)) != -1;) {
    options.head = options.head || found == 'h';
    options.deaf = options.deaf || found == 'd';
    options.first_client = found == 'f' ? static_cast<unsigned>(number(optarg)) : options.first_client;
    wrong = wrong || found == '?';
  }
  if (wrong || argc - optind < kArguments) {
    std::fprintf(
        stderr, "usage: %s [--head] [--deaf] [--first N] PORT PATH SECONDS CONNECTIONS PIPELINED CLIENTS [HEADER...]\n",
        argv[0]);
    std::exit(2);
  }
  char** const arguments = argv + optind;
  options.port = static_cast<std::uint16_t>(number(arguments[0]));
  options.request = (options.head ? "HEAD " : "GET ") + std::string(arguments[1]) + " HTTP/1.1\r\nHost: localhost\r\n";
  options.duration = std::chrono::seconds(number(arguments[2]));
  options.connections = number(arguments[3]);
  options.pipelined = static_cast<unsigned>(number(arguments[4]));
  options.clients = static_cast<unsigned>(number(arguments[5]));
  for (int i = optind + kArguments; i < argc; ++i) {
    options.request += std::string(argv[i]) + "\r\n";
  }
  options.request += "\r\n";
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr std::uint32_t kFirstClient = 0x7F000002;
  using std::chrono::steady_clock;
  const Options options = parse(argc, argv);
  std::vector<Connection> connections;
  for (std::size_t i = 0; i < options.connections; ++i) {
    const auto client = static_cast<std::uint32_t>(i % options.clients);
    connections.push_back(open_connection(kFirstClient + options.first_client + client, options));
  }
  Totals totals;
  const auto start = steady_clock::now();
  while (steady_clock::now() - start < options.duration && (options.deaf || totals.closed < connections.size())) {
    serve_all(connections, options, totals);
  }
  for (const Connection& each : connections) {
    totals.requests += arrived_requests(each, options);
  }
  print(totals, std::chrono::duration<double>(steady_clock::now() - start).count());
  return 0;
}

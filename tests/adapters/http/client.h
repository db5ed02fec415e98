// A small HTTP client over plain sockets that can also misbehave.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <zlib.h>

#include "adapters/http/listen_address.h"

namespace tcpperf::tests {

// A connected socket. Reads give up after some seconds, so that a broken server fails a test instead of hanging it.
class Client {
 public:
  // `receive_buffer_bytes`: 0 for the default.
  explicit Client(const adapters::http::ListenAddress& server, int receive_buffer_bytes = 0) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const std::string host = server.host.empty() ? "127.0.0.1" : server.host;
    if (getaddrinfo(host.c_str(), std::to_string(server.port).c_str(), &hints, &list) != 0) {
      return;
    }
    fd_ = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{5, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (receive_buffer_bytes != 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
    }
    connected_ = connect(fd_, list->ai_addr, list->ai_addrlen) == 0;
    freeaddrinfo(list);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }

  [[nodiscard]] bool connected() const { return connected_; }

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) {
        continue;
      }
      if (sent <= 0) {
        return;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // Until the peer closes, time is up or `bytes` have come.
  [[nodiscard]] std::string read(std::size_t bytes = std::string::npos) const {
    std::string all;
    std::array<char, 65536> buffer{};
    while (all.size() < bytes) {
      const ssize_t got = recv(fd_, buffer.data(), std::min(buffer.size(), bytes - all.size()), 0);
      if (got < 0 && errno == EINTR) {
        continue;  // libFuzzer looks at the time by a signal
      }
      if (got <= 0) {
        break;
      }
      all.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

  // Until `text` has come, or as read().
  [[nodiscard]] std::string read_until(std::string_view text) const {
    std::string all;
    while (all.find(text) == std::string::npos) {
      const std::string more = read(1);
      if (more.empty()) {
        break;
      }
      all += more;
    }
    return all;
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
};

struct Reply {
  int status = 0;                              // 0: none came
  std::map<std::string, std::string> headers;  // names in lower case; several of one name joined by ", "
  std::string body;
};

inline Reply parse_reply(const std::string& text) {
  Reply reply;
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos || !text.starts_with("HTTP/1.1 ")) {
    return reply;
  }
  std::istringstream head(text.substr(0, end));
  std::string line;
  std::getline(head, line);
  reply.status = std::stoi(line.substr(line.find(' ')));
  while (std::getline(head, line)) {
    const std::size_t colon = line.find(": ");
    std::string name = line.substr(0, colon);
    for (char& c : name) {
      c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    std::string value = line.substr(colon + 2);
    if (value.ends_with('\r')) {
      value.pop_back();
    }
    std::string& known = reply.headers[name];
    known += (known.empty() ? "" : ", ") + value;
  }
  reply.body = text.substr(end + 4);
  return reply;
}

// One request on a connection of its own. `headers` are complete lines, each with its line end.
inline Reply request(const adapters::http::ListenAddress& server, std::string_view method, std::string_view target,
                     std::string_view headers = {}) {
  const Client client(server);
  std::ostringstream text;
  text << method << " " << target << " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" << headers << "\r\n";
  client.send(text.str());
  return parse_reply(client.read());
}

// Empty when `data` is not exactly one gzip member.
inline std::string gunzip(std::string data) {
  constexpr int kGzipFormat = 16;  // added to the window bits
  z_stream stream{};
  if (inflateInit2(&stream, MAX_WBITS + kGzipFormat) != Z_OK) {
    return {};
  }
  stream.next_in = reinterpret_cast<Bytef*>(data.data());
  stream.avail_in = static_cast<uInt>(data.size());
  std::string out;
  std::array<char, 65536> buffer{};
  int status = Z_OK;
  while (status == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    status = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  return status == Z_STREAM_END && stream.avail_in == 0 ? out : std::string();
}

}  // namespace tcpperf::tests

// The HTTP server. One thread takes connections, one talks to all clients without ever waiting for one, one makes
// pages, and one checks passwords, so that nothing that takes long or that one client does holds up the others.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/http/listen_address.h"
#include "adapters/http/message.h"
#include "adapters/http/security.h"
#include "core/base/result.h"

namespace tcpperf::adapters::http {

struct Options {
  unsigned connections = 128;            // open at once, of all addresses
  unsigned connections_per_client = 32;  // of them by one IPv4 address or IPv6 /64 network; all local sockets are one
  unsigned new_connections_per_client_and_second = 200;
  std::chrono::seconds idle_timeout{10};  // a connection on which nothing moves for so long is closed
  std::chrono::seconds kept_timeout{75};  // the same between two requests: who scrapes every minute need not reconnect
  // The head of a request must fit into it. Above 32 KiB the library maps it, so that it is gone with its connection.
  std::size_t connection_memory_bytes = std::size_t{36} * 1024;
  // Of all responses. Beyond it slow readers are ended, and beyond twice as much who asks for a page gets 503.
  std::size_t unsent_bodies_bytes = std::size_t{64} * 1024 * 1024;
};

// Since the start.
struct Counters {
  // By status code: a fixed set, with zeros, and the rest under "other". A request that fails before its first line is
  // complete is not counted.
  std::vector<std::pair<std::string_view, std::uint64_t>> responses;
  std::uint64_t responses_unfinished = 0;    // of these, not taken to the end by their client
  std::uint64_t connections_refused = 0;     // over one of the limits; closed without a word
  std::uint64_t connections_evicted = 0;     // closed to make room, after they had waited for their client
  std::uint64_t connections_unanswered = 0;  // ended by either side, or by a failed TLS handshake, before any response
};

struct ListenOn {
  std::vector<ListenAddress> addresses;
  std::vector<int> sockets{};
};

// Something the operator should know, in a sentence; at most once a minute. Called by a thread of the server.
using Warn = std::function<void(const std::string&)>;

class Server {
 public:
  // Serves on all addresses and sockets or on none. Sockets are listening ones that somebody else has opened; they are
  // the server's from here on. Handlers are called by a thread of the server, never two at a time, until the destructor
  // has returned; requests that wait together share a response, which is made after all of them have come. Requests
  // that are not served by `routes` are answered as handle() says; request bodies are not read. Whether TLS is spoken
  // is decided by the `security` of this moment, all else by that of each connection and request. Without one there is
  // neither TLS nor a password. The server's threads inherit the signal mask of the caller.
  static core::Result<std::unique_ptr<Server>> start(const ListenOn& where, Routes routes, const Options& options,
                                                     SecuritySource security = {}, Warn warn = {});

  // Closes the sockets and all connections, and waits for a running handler.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // In the order given to start(), with the ports the kernel chose; then those of the sockets.
  [[nodiscard]] const std::vector<ListenAddress>& addresses() const;
  // Any thread.
  [[nodiscard]] Counters counters() const;

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tcpperf::adapters::http

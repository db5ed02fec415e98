// The HTTP server: one thread per listen address, every socket non-blocking, so that no client waits for a slow one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/http/listen_address.h"
#include "adapters/http/message.h"
#include "core/base/result.h"

namespace tcpperf::adapters::http {

struct Options {
  unsigned connections = 128;             // open at once, of all addresses
  unsigned connections_per_client = 32;   // of them by one IPv4 address or IPv6 /64 network
  std::chrono::seconds idle_timeout{10};  // a connection on which nothing moves for so long is closed
  std::size_t connection_memory_bytes = std::size_t{32} * 1024;  // the request's head must fit into it
  std::size_t unsent_bodies_bytes =
      std::size_t{64} * 1024 * 1024;  // of all responses; a client that would be over it gets 503
};

// Since the start.
struct Counters {
  // By status code: a fixed set, with zeros, and the rest under "other". A request that fails before its first line is
  // complete is not counted.
  std::vector<std::pair<std::string_view, std::uint64_t>> responses;
  std::uint64_t connections_refused = 0;  // over one of the limits; closed without a word
};

class Server {
 public:
  // Binds all addresses or none. Handlers are called by the server's threads, never two at a time, until the
  // destructor has returned. Requests that are not served by `routes` are answered as handle() says; request bodies are
  // not read.
  // The server's threads inherit the signal mask of the caller.
  static core::Result<std::unique_ptr<Server>> start(const std::vector<ListenAddress>& addresses, Routes routes,
                                                     const Options& options);

  // Closes the sockets and all connections, and waits for a running handler.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // In the order given to start(), with the ports the kernel chose.
  [[nodiscard]] const std::vector<ListenAddress>& addresses() const;
  // Any thread.
  [[nodiscard]] Counters counters() const;

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tcpperf::adapters::http

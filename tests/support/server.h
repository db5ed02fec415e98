// The server's side of a known workload.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/network_pair.h"
#include "support/socket.h"

namespace tcpperf::test {

enum class ServerMode {
  kSink,    // reads and discards to the end of the stream, then closes: the client closes actively
  kEcho,    // sends back what it reads, closes at the end of the stream
  kSource,  // sends source_bytes and FIN, then reads to the end and closes: the server closes actively
            // unless the client's FIN came first
};

struct ServerOptions {
  ServerMode mode = ServerMode::kSink;
  // The listening socket: kIPv4 takes IPv4 on an AF_INET socket, kIPv6 IPv6 only, kMapped both on one AF_INET6 socket
  // (an IPv4 client's connection is then an IPv4-mapped socket at the server).
  Family family = Family::kMapped;
  std::uint64_t source_bytes = 0;
  // Of listen(); the kernel completes one connection more than this while nobody accepts.
  int backlog = 4096;
  // false: completed connections stay in the accept queue until Server::start_accepting().
  bool accepting = true;
  // false: data stays in the receive buffers, and the window closes, until Server::start_reading().
  bool reading = true;
  std::chrono::milliseconds delay_before_accept{0};    // before each accept()
  std::chrono::milliseconds delay_before_response{0};  // kEcho: between reading a request and sending it back
};

// A moment behind what a client has seen: wait_for_...() before comparing with exact numbers.
struct ServerTotals {
  std::uint64_t accepted = 0;
  std::uint64_t closed = 0;         // by the end of the stream or by an error
  std::uint64_t reset_by_peer = 0;  // of these, with an error
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
};

// Listens on a free port of the side and serves all connections from one thread (so a delay holds up all of them).
// The destructor stops it and closes what is open. Methods may be called from any thread. Throws std::runtime_error.
class Server {
 public:
  explicit Server(const Side& side, const ServerOptions& options = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] ServerTotals totals() const;

  // Return when the totals have reached these numbers; throw with the totals after kPatience, or what stopped the
  // thread.
  void wait_for_accepted(std::uint64_t connections);
  void wait_for_closed(std::uint64_t connections);
  void wait_for_received(std::uint64_t bytes);

  void start_accepting();
  void start_reading();

 private:
  struct Connection {
    Socket socket;
    std::string unsent;              // kEcho
    std::uint64_t unsent_bytes = 0;  // kSource
    bool input_ended = false;
    bool finished = false;  // to be closed

    [[nodiscard]] bool has_output() const { return unsent_bytes > 0 || !unsent.empty(); }
  };

  void serve();
  void serve_ready();
  void accept_one();
  void read_from(Connection& connection);
  void write_to(Connection& connection);
  void close_finished();
  void wake();
  void wait_until(const std::function<bool(const ServerTotals&)>& reached);

  const ServerOptions options_;
  Socket listener_;
  Socket wakeup_;  // eventfd
  std::uint16_t port_ = 0;
  std::vector<Connection> connections_;  // the thread's own

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  ServerTotals totals_;
  bool accepting_;
  bool reading_;
  bool stop_ = false;
  std::string failure_;

  std::thread thread_;  // last: started when the rest exists
};

}  // namespace tcpperf::test

#include "support/server.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "support/socket_address.h"
#include "support/traffic.h"

namespace tcpperf::test {

namespace {

constexpr std::size_t kChunkBytes = 65536;

void check(int result, const char* what) {
  if (result < 0) {
    throw std::runtime_error(std::string("server: ") + what + ": " + std::strerror(errno));
  }
}

Socket listen_on(const ServerOptions& options) {
  const SocketAddress any = socket_address(options.family, options.family == Family::kIPv4 ? "0.0.0.0" : "::", 0);
  Socket listener(::socket(any.domain(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  check(listener.get(), "socket");
  if (options.family != Family::kIPv4) {
    const int v6_only = options.family == Family::kIPv6 ? 1 : 0;
    check(::setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only), "IPV6_V6ONLY");
  }
  check(::bind(listener.get(), any.get(), any.length), "bind");
  check(::listen(listener.get(), options.backlog), "listen");
  return listener;
}

bool would_block() {
  return errno == EAGAIN || errno == EINTR;
}

// Fails only when the peer has reset the connection, which the next read reports.
void send_fin(const Socket& socket) {
  ::shutdown(socket.get(), SHUT_WR);
}

}  // namespace

Server::Server(const Side& side, const ServerOptions& options)
    : options_(options),
      listener_(in_namespace(side, [&] { return listen_on(options); })),
      wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      port_(port_of(listener_)),
      accepting_(options.accepting),
      reading_(options.reading) {
  check(wakeup_.get(), "eventfd");
  thread_ = std::thread([this, side] {
    std::string failure;
    try {
      enter_namespace(side);
      serve();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    changed_.notify_all();
  });
}

Server::~Server() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake();
  thread_.join();
}

ServerTotals Server::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

void Server::wake() {
  const std::uint64_t one = 1;
  // The only possible failure is a counter at its maximum: the thread is woken then, too.
  [[maybe_unused]] const ssize_t written = ::write(wakeup_.get(), &one, sizeof one);
}

void Server::start_accepting() {
  {
    const std::lock_guard lock(mutex_);
    accepting_ = true;
  }
  wake();
}

void Server::start_reading() {
  {
    const std::lock_guard lock(mutex_);
    reading_ = true;
  }
  wake();
}

void Server::wait_until(const std::function<bool(const ServerTotals&)>& reached) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kPatience, [&] { return reached(totals_) || !failure_.empty(); });
  if (!failure_.empty()) {
    throw std::runtime_error(failure_);
  }
  if (!reached(totals_)) {
    throw std::runtime_error("server: still " + std::to_string(totals_.accepted) + " accepted, " +
                             std::to_string(totals_.closed) + " closed, " + std::to_string(totals_.bytes_received) +
                             " bytes received");
  }
}

void Server::wait_for_accepted(std::uint64_t connections) {
  wait_until([=](const ServerTotals& totals) { return totals.accepted >= connections; });
}

void Server::wait_for_closed(std::uint64_t connections) {
  wait_until([=](const ServerTotals& totals) { return totals.closed >= connections; });
}

void Server::wait_for_received(std::uint64_t bytes) {
  wait_until([=](const ServerTotals& totals) { return totals.bytes_received >= bytes; });
}

void Server::serve() {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stop_) {
        return;
      }
    }
    serve_ready();
    close_finished();
  }
}

void Server::serve_ready() {
  bool accepting = false;
  bool reading = false;
  {
    const std::lock_guard lock(mutex_);
    accepting = accepting_;
    reading = reading_;
  }
  std::vector<pollfd> waiting;
  waiting.push_back({wakeup_.get(), POLLIN, 0});
  waiting.push_back({accepting ? listener_.get() : -1, POLLIN, 0});
  for (const Connection& connection : connections_) {
    const bool has_output = connection.has_output();
    // An echo that cannot be sent is not read further: the window closes as with a real server.
    const bool wants_input = reading && connection.unsent.empty() && !connection.input_ended;
    // A socket that is watched for nothing would still report errors, over and over.
    const bool watched = has_output || wants_input;
    const int events = (has_output ? POLLOUT : 0) | (wants_input ? POLLIN : 0);
    waiting.push_back({watched ? connection.socket.get() : -1, static_cast<short>(events), 0});
  }
  check(::poll(waiting.data(), waiting.size(), -1), "poll");
  if (waiting[0].revents != 0) {
    std::uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t got = ::read(wakeup_.get(), &ignored, sizeof ignored);
  }
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    const pollfd& polled = waiting[i + 2];
    if ((polled.revents & POLLOUT) != 0) {
      write_to(connections_[i]);
    }
    if ((polled.revents & (POLLIN | POLLERR | POLLHUP)) != 0 && !connections_[i].finished) {
      read_from(connections_[i]);
    }
  }
  if (waiting[1].revents != 0) {
    accept_one();
  }
}

void Server::accept_one() {
  std::this_thread::sleep_for(options_.delay_before_accept);
  Socket socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket.get() < 0) {
    // A client may reset its connection while it waits in the queue.
    if (would_block() || errno == ECONNABORTED) {
      return;
    }
    check(-1, "accept");
  }
  Connection connection;
  connection.socket = std::move(socket);
  connection.unsent_bytes = options_.mode == ServerMode::kSource ? options_.source_bytes : 0;
  if (options_.mode == ServerMode::kSource && options_.source_bytes == 0) {
    send_fin(connection.socket);
  }
  connections_.push_back(std::move(connection));
  const std::lock_guard lock(mutex_);
  ++totals_.accepted;
  changed_.notify_all();
}

void Server::read_from(Connection& connection) {
  char buffer[kChunkBytes];
  const ssize_t got = ::recv(connection.socket.get(), buffer, sizeof buffer, 0);
  if (got < 0 && would_block()) {
    return;
  }
  connection.input_ended = got == 0;
  connection.finished = got < 0 || (connection.input_ended && !connection.has_output());
  {
    const std::lock_guard lock(mutex_);
    totals_.bytes_received += got > 0 ? static_cast<std::uint64_t>(got) : 0;
    totals_.reset_by_peer += got < 0 ? 1 : 0;
    changed_.notify_all();
  }
  if (got > 0 && options_.mode == ServerMode::kEcho) {
    std::this_thread::sleep_for(options_.delay_before_response);
    connection.unsent.append(buffer, static_cast<std::size_t>(got));
    write_to(connection);
  }
}

void Server::write_to(Connection& connection) {
  static const std::string filler(kChunkBytes, 'y');
  const bool is_echo = options_.mode == ServerMode::kEcho;
  const std::size_t length =
      is_echo ? connection.unsent.size() : std::min<std::uint64_t>(connection.unsent_bytes, filler.size());
  const ssize_t sent =
      ::send(connection.socket.get(), is_echo ? connection.unsent.data() : filler.data(), length, MSG_NOSIGNAL);
  if (sent < 0) {
    if (!would_block()) {
      connection.finished = true;
      const std::lock_guard lock(mutex_);
      ++totals_.reset_by_peer;
    }
    return;
  }
  if (is_echo) {
    connection.unsent.erase(0, static_cast<std::size_t>(sent));
  } else {
    connection.unsent_bytes -= static_cast<std::uint64_t>(sent);
    if (connection.unsent_bytes == 0) {
      send_fin(connection.socket);
    }
  }
  connection.finished = connection.input_ended && !connection.has_output();
  const std::lock_guard lock(mutex_);
  totals_.bytes_sent += static_cast<std::uint64_t>(sent);
  changed_.notify_all();
}

void Server::close_finished() {
  const auto first = std::remove_if(connections_.begin(), connections_.end(),
                                    [](const Connection& connection) { return connection.finished; });
  const auto count = static_cast<std::uint64_t>(connections_.end() - first);
  connections_.erase(first, connections_.end());  // closes them, before the totals say so
  if (count > 0) {
    const std::lock_guard lock(mutex_);
    totals_.closed += count;
    changed_.notify_all();
  }
}

}  // namespace tcpperf::test

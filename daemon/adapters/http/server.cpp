#include "adapters/http/server.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <string>

#include <malloc.h>
#include <microhttpd.h>

#include "adapters/http/acceptor.h"
#include "adapters/http/connection.h"
#include "adapters/http/connections.h"
#include "adapters/http/listener.h"
#include "adapters/http/requests.h"
#include "adapters/http/tls.h"

namespace tcpperf::adapters::http {
namespace {

using std::chrono::steady_clock;

struct StopDaemon {
  void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
};
using DaemonPointer = std::unique_ptr<MHD_Daemon, StopDaemon>;

// Takes what has come: the end comes next.
void drain(int socket) {
  std::array<char, 4096> buffer{};
  for (int i = 0; i < 64 && recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0; ++i) {
  }
}

// Called by GnuTLS when the client has sent its certificate, or none though it was asked; 0 goes on.
int on_client_certificate(gnutls_session_t session) {
  // The library has put its connection there.
  const Connection* known = connection_of(static_cast<MHD_Connection*>(gnutls_session_get_ptr(session)));
  return known != nullptr && known->security != nullptr && known->security->tls != nullptr &&
                 known->security->tls->admits_peer_of(session)
             ? 0
             : GNUTLS_E_CERTIFICATE_ERROR;
}

std::shared_ptr<const Security> open_to_all() {
  static const auto kNone = std::make_shared<const Security>();
  return kNone;
}

}  // namespace

struct Server::State {
  State(Routes routes_of_server, const Options& options_of_server, SecuritySource security_of_server,
        Warn warn_of_server)
      : routes(std::move(routes_of_server)),
        options(options_of_server),
        security(std::move(security_of_server)),
        warn(std::move(warn_of_server)),
        connections(
            {options.connections, options.connections_per_client, options.new_connections_per_client_and_second}) {}
  // First nobody new, then nobody who waits for a thread of ours: the library must not stop with such a connection.
  ~State() {
    acceptor.reset();
    if (requests != nullptr) {
      requests->stop();
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const Routes routes;
  const Options options;
  const SecuritySource security;
  const Warn warn;
  Connections connections;
  std::atomic<std::uint64_t> unanswered{0};
  std::atomic<std::uint64_t> unfinished{0};
  std::vector<ListenAddress> addresses;
  steady_clock::time_point warned_at;  // of the acceptor's thread
  std::unique_ptr<Requests> requests;
  std::unique_ptr<Acceptor> acceptor;
  DaemonPointer daemon;  // last: its thread uses all of the above

  core::Result<std::vector<UniqueFd>> open_listeners(const ListenOn& where);
  core::Result<void> start_threads(std::vector<UniqueFd> listeners);
  void take(UniqueFd socket, const sockaddr* address, socklen_t length);
  void cannot_accept(int system_errno);
  void wait_for_client(const Connection& connection, Waiting waiting);

  // Callbacks of the library; `state` is this. None may throw through its C frames. on_completed() counts what the
  // library has refused by itself, such as a head that is too large.
  static MHD_Result on_request(void* state, MHD_Connection* connection, const char* url, const char* method,
                               const char* version, const char* upload, std::size_t* upload_size, void** context);
  static void* on_target(void* state, const char* target, MHD_Connection* connection);
  static void on_completed(void* state, MHD_Connection* connection, void** context, MHD_RequestTerminationCode how);
  static void on_connection(void* state, MHD_Connection* connection, void** context,
                            MHD_ConnectionNotificationCode what);
};

// A request has begun.
void* Server::State::on_target(void* closure, const char* target, MHD_Connection* connection) {
  if (Connection* known = connection_of(connection)) {
    static_cast<State*>(closure)->wait_for_client(*known, Waiting::kForRequest);
    known->stage = Stage::kHead;
    known->target_at = target;
    try {
      known->target = target;
    } catch (const std::exception&) {
      known->target.clear();
    }
  }
  return nullptr;
}

void Server::State::wait_for_client(const Connection& connection, Waiting waiting) {
  connections.step(connection.socket, waiting, steady_clock::now());
  const auto patience = waiting == Waiting::kForNextRequest ? options.kept_timeout : options.idle_timeout;
  MHD_set_connection_option(connection.handle, MHD_CONNECTION_OPTION_TIMEOUT, static_cast<unsigned>(patience.count()));
}

void Server::State::on_connection(void* closure, MHD_Connection* connection, void** context,
                                  MHD_ConnectionNotificationCode what) {
  auto& state = *static_cast<State*>(closure);
  if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
    const std::unique_ptr<Connection> closing(static_cast<Connection*>(*context));
    *context = nullptr;
    if (closing != nullptr) {
      state.connections.closed(closing->socket);
      if (state.connections.crowd_has_gone()) {
        malloc_trim(0);  // sessions of TLS are many small pieces, which glibc would keep
      }
      state.unanswered += closing->ever_answered ? 0 : 1;
    }
    return;
  }
  *context = nullptr;  // without it its requests are dropped
  const auto* fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  const auto* address = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  const auto* tls = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  try {
    auto opening = std::make_unique<Connection>();
    opening->handle = connection;
    opening->socket = fd == nullptr ? -1 : fd->connect_fd;
    opening->client = client_key(address == nullptr ? nullptr : address->client_addr);
    if (tls != nullptr && tls->tls_session != nullptr) {
      auto* session = static_cast<gnutls_session_t>(tls->tls_session);
      opening->security = state.security();
      gnutls_session_set_verify_function(session, on_client_certificate);
      if (opening->security->tls == nullptr || !opening->security->tls->apply_to(session)) {
        shutdown(opening->socket, SHUT_RDWR);
      } else if (hung_up(opening->socket)) {
        drain(opening->socket);  // who is gone already is not worth the signature of a handshake
      }
    }
    *context = opening.release();
  } catch (const std::exception&) {
    if (fd != nullptr) {
      shutdown(fd->connect_fd, SHUT_RDWR);
    }
  }
}

MHD_Result Server::State::on_request(void* state, MHD_Connection* connection, const char* /*url*/, const char* method,
                                     const char* version, const char* /*upload*/, std::size_t* /*upload_size*/,
                                     void** /*context*/) {
  Connection* known = connection_of(connection);
  return known == nullptr ? MHD_NO
                          : static_cast<State*>(state)->requests->advance(
                                *known, {method, known->target_at, known->target, version});
}

void Server::State::on_completed(void* closure, MHD_Connection* connection, void** /*context*/,
                                 MHD_RequestTerminationCode how) {
  auto& state = *static_cast<State*>(closure);
  Connection* known = connection_of(connection);
  if (known == nullptr) {
    return;
  }
  state.requests->completed(*known);
  if (how == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
    state.wait_for_client(*known, Waiting::kForNextRequest);
  } else if (known->stage == Stage::kAnswered) {
    ++state.unfinished;
  }
}

void Server::State::take(UniqueFd socket, const sockaddr* address, socklen_t length) {
  const ClientKey client = client_key(address);
  // The library would not answer who has hung up, and who opens such must not use up the limit of others.
  if (hung_up(socket.get())) {
    ++unanswered;
    return;
  }
  try {
    if (!connections.admit(socket.get(), client, steady_clock::now())) {
      return;
    }
  } catch (const std::exception&) {
    return;
  }
  const int fd = socket.release();  // the library's from here on, which closes it even when it refuses
  if (MHD_add_connection(daemon.get(), fd, address, length) != MHD_YES) {
    connections.closed(fd);
  }
}

// Without a descriptor or memory a connection stays in the backlog until somebody has made room.
void Server::State::cannot_accept(int system_errno) {
  constexpr std::chrono::minutes kQuiet{1};
  const auto now = steady_clock::now();
  const bool no_descriptor = system_errno == EMFILE;
  const bool others_may_help =
      no_descriptor || system_errno == ENFILE || system_errno == ENOBUFS || system_errno == ENOMEM;
  const bool ended_some = others_may_help && connections.give_up_some(now);
  if (!warn || (warned_at != steady_clock::time_point() && now - warned_at < kQuiet)) {
    return;
  }
  warned_at = now;
  try {
    warn(std::string("cannot take a connection: ") + std::strerror(system_errno) +
         (ended_some ? "; others were ended for it" : "") +
         (no_descriptor
              ? "; look at the limit of open files (LimitNOFILE= of the unit) and at who has so many connections"
              : ""));
  } catch (const std::exception&) {
    return;  // there is no memory for a line either
  }
}

core::Result<std::vector<UniqueFd>> Server::State::open_listeners(const ListenOn& where) {
  std::vector<UniqueFd> fds;
  const auto keep = [&](core::Result<Listener> listener) -> core::Result<void> {
    if (!listener) {
      return listener.error();
    }
    addresses.push_back(std::move(listener->address));
    fds.push_back(std::move(listener->fd));
    return {};
  };
  for (const ListenAddress& address : where.addresses) {
    auto listener = listen_on(address);
    if (!listener && listener.error().system_errno == EADDRINUSE) {
      for (const ListenAddress& earlier : addresses) {
        if (earlier.port == address.port) {
          return core::Error{"listen on " + to_string(address) + ": --web.listen-address=" + to_string(earlier) +
                                 " takes this port already; leave one of them out",
                             EADDRINUSE};
        }
      }
    }
    if (auto kept = keep(std::move(listener)); !kept) {
      return kept.error();
    }
  }
  for (const int socket : where.sockets) {
    if (auto kept = keep(adopt_listener(UniqueFd(socket))); !kept) {
      return kept.error();
    }
  }
  return fds;
}

core::Result<void> Server::State::start_threads(std::vector<UniqueFd> listeners) {
  // poll, not epoll: libmicrohttpd 0.9.75 watches edge-triggered and misses the end of a connection that arrives
  // together with half a head. Such connections then count as open until the idle timeout, and a few dozen of them shut
  // their client out. For as many sockets as there are connections at most, poll costs nothing.
  constexpr unsigned kFlags =
      MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME;
  // More than may be open: those that have to make room are still there for a moment.
  const unsigned limit = 4 * options.connections + 64;
  requests = std::make_unique<Requests>(routes, security, connections, options.unsent_bodies_bytes);
  const auto first = security();
  std::vector<MHD_OptionItem> more;
  if (first->tls != nullptr) {
    // Each connection gets what is in force at its beginning, but the library wants a certificate at the start.
    more.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, const_cast<char*>(first->settings.tls->certificate_pem.c_str())});
    more.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, const_cast<char*>(first->settings.tls->key_pem.c_str())});
  }
  more.push_back({MHD_OPTION_END, 0, nullptr});
  // clang-format off
  daemon.reset(MHD_start_daemon(
      kFlags | (first->tls != nullptr ? unsigned{MHD_USE_TLS} : 0U), 0, nullptr, nullptr, on_request, this,
      MHD_OPTION_CONNECTION_LIMIT, limit,
      MHD_OPTION_CONNECTION_TIMEOUT, static_cast<unsigned>(options.idle_timeout.count()),
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, options.connection_memory_bytes,
      MHD_OPTION_NOTIFY_CONNECTION, on_connection, this,
      MHD_OPTION_NOTIFY_COMPLETED, on_completed, this,
      MHD_OPTION_URI_LOG_CALLBACK, on_target, this,
      MHD_OPTION_ARRAY, more.data(),
      MHD_OPTION_END));
  // clang-format on
  if (daemon == nullptr) {
    return core::Error::from_errno("start the HTTP server", errno);
  }
  auto accepting = Acceptor::start(
      std::move(listeners),
      [this](UniqueFd socket, const sockaddr* from, socklen_t length) { take(std::move(socket), from, length); },
      [this](int system_errno) { cannot_accept(system_errno); });
  if (!accepting) {
    return accepting.error();
  }
  acceptor = std::move(*accepting);
  return {};
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() = default;

core::Result<std::unique_ptr<Server>> Server::start(const ListenOn& where, Routes routes, const Options& options,
                                                    SecuritySource security, Warn warn) {
  auto state = std::make_unique<State>(std::move(routes), options,
                                       security ? std::move(security) : SecuritySource(open_to_all), std::move(warn));
  auto listeners = state->open_listeners(where);
  if (!listeners) {
    return listeners.error();
  }
  if (auto started = state->start_threads(std::move(*listeners)); !started) {
    return started.error();
  }
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

const std::vector<ListenAddress>& Server::addresses() const {
  return state_->addresses;
}

Counters Server::counters() const {
  return {state_->requests->statuses().read(), state_->unfinished, state_->connections.refused(),
          state_->connections.evicted(), state_->unanswered};
}

}  // namespace tcpperf::adapters::http

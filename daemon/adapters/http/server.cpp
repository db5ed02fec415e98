#include "adapters/http/server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <string>

#include <malloc.h>
#include <microhttpd.h>

#include "adapters/http/acceptor.h"
#include "adapters/http/connections.h"
#include "adapters/http/handle.h"
#include "adapters/http/listener.h"
#include "adapters/http/page_maker.h"
#include "adapters/http/passwords.h"
#include "adapters/http/rate_limiter.h"
#include "adapters/http/status_counts.h"
#include "adapters/http/tls.h"
#include "core/net/accept_list.h"

namespace tcpperf::adapters::http {
namespace {

using std::chrono::steady_clock;

struct StopDaemon {
  void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
};
struct DestroyResponse {
  void operator()(MHD_Response* response) const { MHD_destroy_response(response); }
};
using DaemonPointer = std::unique_ptr<MHD_Daemon, StopDaemon>;
// The library counts who uses a response, so one may be queued for several connections.
using ResponsePointer = std::shared_ptr<MHD_Response>;

// Where the current request of a connection is.
enum class Stage {
  kHead,      // its head has not come
  kArrived,   // the library has told of it once; the next time all of it is there
  kPassword,  // its password is being checked
  kAllowed,   // and was right
  kDenied,    // and was wrong
  kBusy,      // or could not be checked
  kPage,      // its page is being made
  kMade,      // and is in `response`
  kAnswered,
};

// What we know of a connection while it is open; lives in the library's socket context. It belongs to the library's
// thread, but while the connection is suspended to the thread that will resume it.
struct Connection {
  MHD_Connection* handle = nullptr;
  int socket = -1;
  ClientKey client{};
  std::shared_ptr<const Security> security;  // TLS: that of its beginning, whose credentials the session uses
  std::string method;                        // of the current request
  std::string target;                        // of the current request, as sent
  Stage stage = Stage::kHead;
  int status = 0;  // of `response`
  ResponsePointer response;
  bool ever_answered = false;
};

Connection* connection_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info == nullptr ? nullptr : static_cast<Connection*>(info->socket_context);
}

Stage stage_of(Passwords::Answer answer) {
  switch (answer) {
    case Passwords::Answer::kAsked: return Stage::kPassword;
    case Passwords::Answer::kRight: return Stage::kAllowed;
    case Passwords::Answer::kWrong: return Stage::kDenied;
    case Passwords::Answer::kBusy: return Stage::kBusy;
  }
  return Stage::kBusy;
}

// Keeps a body alive and counted until the library has sent it or given it up.
class UnsentBody {
 public:
  UnsentBody(std::shared_ptr<const std::string> body, std::atomic<std::size_t>& total)
      : body_(std::move(body)), total_(total) {
    total_ += size();
  }
  UnsentBody(const UnsentBody&) = delete;
  UnsentBody& operator=(const UnsentBody&) = delete;
  ~UnsentBody() { total_ -= size(); }

  [[nodiscard]] std::size_t size() const { return body_ == nullptr ? 0 : body_->size(); }
  // The library takes its buffers without const and does not write to them.
  [[nodiscard]] char* data() const { return body_ == nullptr ? nullptr : const_cast<char*>(body_->data()); }

 private:
  std::shared_ptr<const std::string> body_;
  std::atomic<std::size_t>& total_;
};

void free_body(void* body) {
  delete static_cast<UnsentBody*>(body);
}

bool has_body(MHD_Connection* connection) {
  return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH) != nullptr ||
         MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING) != nullptr;
}

std::string joined_headers(MHD_Connection* connection, std::string_view name) {
  struct Search {
    std::string_view name;
    std::string value;
  } search{name, {}};
  MHD_get_connection_values(
      connection, MHD_HEADER_KIND,
      [](void* closure, MHD_ValueKind, const char* key, const char* value) {
        auto& wanted = *static_cast<Search*>(closure);
        try {
          if (value != nullptr && core::equal_ignoring_case(key, wanted.name)) {
            wanted.value += (wanted.value.empty() ? "" : ", ") + std::string(value);
          }
        } catch (const std::exception&) {
          return MHD_NO;
        }
        return MHD_YES;
      },
      &search);
  return std::move(search.value);
}

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
  State(Routes routes_of_server, const Options& options_of_server, SecuritySource security_of_server)
      : routes(std::move(routes_of_server)),
        options(options_of_server),
        security(std::move(security_of_server)),
        connections(
            {options.connections, options.connections_per_client, options.new_connections_per_client_and_second}) {}
  // First nobody new, then nobody who waits for a thread of ours: the library must not stop with such a connection.
  ~State() {
    acceptor.reset();
    passwords.stop();
    if (pages != nullptr) {
      pages->stop();
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const Routes routes;
  const Options options;
  const SecuritySource security;
  Connections connections;
  StatusCounts statuses;
  RateLimiter rate_limiter;
  std::atomic<std::size_t> unsent_bytes{0};
  std::atomic<std::uint64_t> unanswered{0};
  std::vector<ListenAddress> addresses;
  Passwords passwords{
      [](void* who, Passwords::Answer answer) { resume(*static_cast<Connection*>(who), stage_of(answer)); }};
  std::unique_ptr<PageMaker> pages;
  std::unique_ptr<Acceptor> acceptor;
  DaemonPointer daemon;  // last: its thread uses all of the above

  core::Result<std::vector<UniqueFd>> open_listeners(const ListenOn& where);
  core::Result<void> start_threads(std::vector<UniqueFd> listeners);
  void take(UniqueFd socket, const sockaddr* address, socklen_t length);
  MHD_Result advance(Connection& connection);
  MHD_Result begin(Connection& connection);
  MHD_Result check_password(Connection& connection, const core::WebSecurity& settings);
  MHD_Result ask_for_page(Connection& connection);
  MHD_Result send(Connection& connection, const Response& response);
  MHD_Result queue(Connection& connection, unsigned status, MHD_Response* response);
  ResponsePointer wrap(const Response& response);
  void page_made(const std::vector<void*>& who, const Response& response);
  static void resume(Connection& connection, Stage stage);
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

namespace {

Response unauthorized() {
  Response response = text_response(MHD_HTTP_UNAUTHORIZED, "A name and a password are needed.\n");
  response.headers.emplace_back("WWW-Authenticate", R"(Basic realm="tcpperf", charset="UTF-8")");
  return response;
}

Response come_back_later(int status, std::string text) {
  Response response = text_response(status, std::move(text));
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

// A request has begun.
void* Server::State::on_target(void* closure, const char* target, MHD_Connection* connection) {
  if (Connection* known = connection_of(connection)) {
    static_cast<State*>(closure)->wait_for_client(*known, Waiting::kForRequest);
    known->stage = Stage::kHead;
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

ResponsePointer Server::State::wrap(const Response& response) {
  auto body = std::make_unique<UnsentBody>(response.body, unsent_bytes);
  ResponsePointer raw(
      MHD_create_response_from_buffer_with_free_callback_cls(body->size(), body->data(), free_body, body.get()),
      [](MHD_Response* made) {
        if (made != nullptr) {
          MHD_destroy_response(made);
        }
      });
  if (raw == nullptr) {
    return nullptr;
  }
  static_cast<void>(body.release());  // free_body() has it
  const auto add = [&raw](const char* name, const std::string& value) {
    return MHD_add_response_header(raw.get(), name, value.c_str()) == MHD_YES;
  };
  bool complete = add(MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type);
  for (const auto& [name, value] : response.headers) {
    complete = complete && add(name.c_str(), value);
  }
  const auto in_force = security();
  for (const auto& [name, value] : in_force->settings.http.headers) {
    const bool ours = std::any_of(response.headers.begin(), response.headers.end(), [&name = name](const auto& header) {
      return core::equal_ignoring_case(header.first, name);
    });
    complete = complete && (ours || add(name.c_str(), value));
  }
  return complete ? raw : nullptr;  // without one that was asked for, rather no answer
}

MHD_Result Server::State::queue(Connection& connection, unsigned status, MHD_Response* response) {
  connection.stage = Stage::kAnswered;
  if (response == nullptr) {
    return MHD_NO;
  }
  const MHD_Result result = MHD_queue_response(connection.handle, status, response);
  if (result == MHD_YES) {
    statuses.add(status);
    connection.ever_answered = true;
    connections.step(connection.socket, Waiting::kForReader, steady_clock::now());
  }
  return result;
}

MHD_Result Server::State::send(Connection& connection, const Response& response) {
  return queue(connection, static_cast<unsigned>(response.status), wrap(response).get());
}

void Server::State::resume(Connection& connection, Stage stage) {
  connection.stage = stage;
  MHD_resume_connection(connection.handle);
}

void Server::State::page_made(const std::vector<void*>& who, const Response& response) {
  ResponsePointer wrapped;
  int status = response.status;
  try {
    const std::size_t waiting = unsent_bytes;
    if (response.body != nullptr && waiting != 0 && waiting + response.body->size() > options.unsent_bodies_bytes) {
      status = MHD_HTTP_SERVICE_UNAVAILABLE;
      wrapped = wrap(come_back_later(status, "Too many clients read too slowly.\n"));
    } else {
      wrapped = wrap(response);
    }
  } catch (const std::exception&) {
    wrapped = nullptr;  // the connections are closed
  }
  for (void* each : who) {
    auto& connection = *static_cast<Connection*>(each);
    connection.status = status;
    connection.response = wrapped;
    resume(connection, Stage::kMade);
  }
}

// The connection must be out of the library's hands before somebody else has it.
MHD_Result Server::State::ask_for_page(Connection& connection) {
  const Target target = split_target(connection.target);
  PageMaker::Asked asked{connection.method, std::string(target.path), std::string(target.query),
                         joined_headers(connection.handle, "Accept"),
                         joined_headers(connection.handle, "Accept-Encoding")};
  connection.stage = Stage::kPage;
  connections.step(connection.socket, Waiting::kForUs, steady_clock::now());
  MHD_suspend_connection(connection.handle);
  if (!pages->ask(&connection, std::move(asked))) {
    resume(connection, Stage::kAnswered);
  }
  return MHD_YES;
}

MHD_Result Server::State::check_password(Connection& connection, const core::WebSecurity& settings) {
  const auto credentials = parse_basic_credentials(joined_headers(connection.handle, "Authorization"));
  if (!credentials) {
    return send(connection, unauthorized());
  }
  const auto user = settings.users.find(credentials->user);
  const bool known = user != settings.users.end();
  connection.stage = Stage::kPassword;
  connections.step(connection.socket, Waiting::kForUs, steady_clock::now());
  MHD_suspend_connection(connection.handle);
  const Passwords::Answer answer = passwords.check(&connection, connection.client, *credentials,
                                                   known ? user->second : settings.users.begin()->second, known);
  if (answer != Passwords::Answer::kAsked) {
    resume(connection, stage_of(answer));
  }
  return MHD_YES;
}

MHD_Result Server::State::begin(Connection& connection) {
  const auto in_force = security();
  if (!rate_limiter.admits(in_force->settings.rate_limit, steady_clock::now())) {
    return send(connection, come_back_later(MHD_HTTP_TOO_MANY_REQUESTS, "More requests than the rate limit allows.\n"));
  }
  return in_force->settings.users.empty() ? ask_for_page(connection) : check_password(connection, in_force->settings);
}

MHD_Result Server::State::advance(Connection& connection) {
  switch (connection.stage) {
    case Stage::kHead:
      // The library calls once when the head is read and again when the body is. A response at the first call leaves
      // the body unread and ends the connection, so it is for requests with a body only.
      if (!has_body(connection.handle)) {
        connection.stage = Stage::kArrived;
        return MHD_YES;
      }
      return begin(connection);
    case Stage::kArrived: return begin(connection);
    case Stage::kAllowed: return ask_for_page(connection);
    case Stage::kDenied: return send(connection, unauthorized());
    case Stage::kBusy:
      return send(connection, come_back_later(MHD_HTTP_SERVICE_UNAVAILABLE, "Too many passwords are being checked.\n"));
    case Stage::kMade: {
      const ResponsePointer response = std::move(connection.response);
      return queue(connection, static_cast<unsigned>(connection.status), response.get());
    }
    case Stage::kPassword:
    case Stage::kPage: return MHD_YES;
    case Stage::kAnswered: return MHD_NO;
  }
  return MHD_NO;
}

MHD_Result Server::State::on_request(void* state, MHD_Connection* connection, const char* /*url*/, const char* method,
                                     const char* /*version*/, const char* /*upload*/, std::size_t* /*upload_size*/,
                                     void** /*context*/) {
  Connection* known = connection_of(connection);
  if (known == nullptr) {
    return MHD_NO;
  }
  const Stage before = known->stage;
  try {
    known->method = method;
    return static_cast<State*>(state)->advance(*known);
  } catch (const std::exception&) {
    // Out of memory. A connection that is suspended ends when it is resumed.
    const bool suspended = known->stage != before && (known->stage == Stage::kPassword || known->stage == Stage::kPage);
    if (suspended) {
      static_cast<State*>(state)->resume(*known, Stage::kAnswered);
      return MHD_YES;
    }
    return MHD_NO;
  }
}

void Server::State::on_completed(void* closure, MHD_Connection* connection, void** /*context*/,
                                 MHD_RequestTerminationCode how) {
  auto& state = *static_cast<State*>(closure);
  Connection* known = connection_of(connection);
  if (known == nullptr) {
    return;
  }
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
  if (known->stage != Stage::kAnswered && info != nullptr && info->http_status != 0) {
    state.statuses.add(info->http_status);
    known->ever_answered = true;
  }
  known->response.reset();
  if (how == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
    state.wait_for_client(*known, Waiting::kForNextRequest);
  }
}

void Server::State::take(UniqueFd socket, const sockaddr* address, socklen_t length) {
  const ClientKey client = client_key(address);
  if (hung_up(
          socket.get())) {  // the library would not answer it, and who opens such must not use up the limit of others
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
  MHD_add_connection(daemon.get(), fd, address, length);
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
    if (auto kept = keep(listen_on(address)); !kept) {
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
  pages = std::make_unique<PageMaker>(
      routes, [this](const std::vector<void*>& who, const Response& response) { page_made(who, response); });
  auto accepting = Acceptor::start(
      std::move(listeners),
      [this](UniqueFd socket, const sockaddr* from, socklen_t length) { take(std::move(socket), from, length); });
  if (!accepting) {
    return accepting.error();
  }
  acceptor = std::move(*accepting);
  return {};
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() = default;

core::Result<std::unique_ptr<Server>> Server::start(const ListenOn& where, Routes routes, const Options& options,
                                                    SecuritySource security) {
  auto state =
      std::make_unique<State>(std::move(routes), options, security ? std::move(security) : SecuritySource(open_to_all));
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
  return {state_->statuses.read(), state_->connections.refused(), state_->connections.evicted(), state_->unanswered};
}

}  // namespace tcpperf::adapters::http

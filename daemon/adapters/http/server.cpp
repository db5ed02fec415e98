#include "adapters/http/server.h"

#include <atomic>
#include <cerrno>
#include <exception>
#include <mutex>
#include <string>

#include <microhttpd.h>

#include "adapters/http/connection_limits.h"
#include "adapters/http/handle.h"
#include "adapters/http/listener.h"
#include "adapters/http/status_counts.h"
#include "core/net/accept_list.h"

namespace tcpperf::adapters::http {
namespace {

struct StopDaemon {
  void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
};
struct DestroyResponse {
  void operator()(MHD_Response* response) const { MHD_destroy_response(response); }
};
using DaemonPointer = std::unique_ptr<MHD_Daemon, StopDaemon>;
using ResponsePointer = std::unique_ptr<MHD_Response, DestroyResponse>;

// What we know of a connection while it is open; lives in the library's socket context.
struct Connection {
  ClientKey client{};
  std::string target;      // of the current request, as sent
  bool head_seen = false;  // of the current request
  bool answered = false;   // the current request, by us
};

Connection* connection_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info == nullptr ? nullptr : static_cast<Connection*>(info->socket_context);
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

}  // namespace

struct Server::State {
  State(Routes routes_of_server, const Options& options_of_server)
      : routes(std::move(routes_of_server)),
        options(options_of_server),
        limits(options.connections, options.connections_per_client) {}

  const Routes routes;
  const Options options;
  ConnectionLimits limits;
  StatusCounts statuses;
  std::atomic<std::size_t> unsent_bytes{0};
  std::mutex one_handler;
  std::vector<ListenAddress> addresses;
  std::vector<DaemonPointer> daemons;  // last: their threads use all of the above

  core::Result<void> listen(const ListenAddress& address);
  MHD_Result respond(MHD_Connection* connection, const Request& request);
  MHD_Result send(MHD_Connection* connection, const Response& response);

  // Callbacks of the library, like those below; `state` is this. on_completed() counts what the library has refused by
  // itself, such as a head that is too large.
  static MHD_Result on_request(void* state, MHD_Connection* connection, const char* url, const char* method,
                               const char* version, const char* upload, std::size_t* upload_size, void** context);
  static void on_completed(void* state, MHD_Connection* connection, void** context, MHD_RequestTerminationCode how);
};

namespace {

// The library's callbacks. None may throw through its C frames.

MHD_Result on_accept(void* closure, const sockaddr* address, socklen_t /*length*/) {
  try {
    return static_cast<ConnectionLimits*>(closure)->admits(client_key(address)) ? MHD_YES : MHD_NO;
  } catch (const std::exception&) {
    return MHD_NO;
  }
}

void on_connection(void* closure, MHD_Connection* connection, void** context, MHD_ConnectionNotificationCode what) {
  auto& limits = *static_cast<ConnectionLimits*>(closure);
  if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
    const std::unique_ptr<Connection> closing(static_cast<Connection*>(*context));
    if (closing != nullptr) {
      limits.closed(closing->client);
    }
    *context = nullptr;
    return;
  }
  try {
    auto opening = std::make_unique<Connection>();
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    opening->client = client_key(info == nullptr ? nullptr : info->client_addr);
    limits.opened(opening->client);
    *context = opening.release();
  } catch (const std::exception&) {
    *context = nullptr;  // its requests are dropped
  }
}

void* on_target(void* /*closure*/, const char* target, MHD_Connection* connection) {
  if (Connection* known = connection_of(connection)) {
    known->head_seen = false;
    known->answered = false;
    try {
      known->target = target;
    } catch (const std::exception&) {
      known->target.clear();
    }
  }
  return nullptr;
}

}  // namespace

MHD_Result Server::State::send(MHD_Connection* connection, const Response& response) {
  auto body = std::make_unique<UnsentBody>(response.body, unsent_bytes);
  const ResponsePointer raw(
      MHD_create_response_from_buffer_with_free_callback_cls(body->size(), body->data(), free_body, body.get()));
  if (raw == nullptr) {
    return MHD_NO;
  }
  static_cast<void>(body.release());  // free_body() has it
  MHD_add_response_header(raw.get(), MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type.c_str());
  for (const auto& [name, value] : response.headers) {
    MHD_add_response_header(raw.get(), name.c_str(), value.c_str());
  }
  const auto status = static_cast<unsigned>(response.status);
  const MHD_Result result = MHD_queue_response(connection, status, raw.get());
  if (result == MHD_YES) {
    statuses.add(status);
  }
  return result;
}

MHD_Result Server::State::respond(MHD_Connection* connection, const Request& request) {
  Response response;
  {
    const std::lock_guard lock(one_handler);
    response = handle(request, routes);
  }
  const std::size_t waiting = unsent_bytes;
  if (response.body != nullptr && waiting != 0 && waiting + response.body->size() > options.unsent_bodies_bytes) {
    response = text_response(MHD_HTTP_SERVICE_UNAVAILABLE, "Too many clients read too slowly.\n");
  }
  return send(connection, response);
}

MHD_Result Server::State::on_request(void* state, MHD_Connection* connection, const char* /*url*/, const char* method,
                                     const char* /*version*/, const char* /*upload*/, std::size_t* /*upload_size*/,
                                     void** /*context*/) {
  Connection* known = connection_of(connection);
  if (known == nullptr || known->answered) {
    return MHD_NO;
  }
  // The library calls once when the head is read and again when the body is. A response at the first call leaves the
  // body unread and ends the connection, so it is for requests with a body only.
  if (!known->head_seen && !has_body(connection)) {
    known->head_seen = true;
    return MHD_YES;
  }
  known->answered = true;
  try {
    const Target target = split_target(known->target);
    return static_cast<State*>(state)->respond(
        connection, {method, target.path, target.query,
                     [connection](std::string_view name) { return joined_headers(connection, name); }});
  } catch (const std::exception&) {
    return MHD_NO;
  }
}

void Server::State::on_completed(void* state, MHD_Connection* connection, void** /*context*/,
                                 MHD_RequestTerminationCode /*how*/) {
  const Connection* known = connection_of(connection);
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
  if (known != nullptr && !known->answered && info != nullptr) {
    static_cast<State*>(state)->statuses.add(info->http_status);
  }
}

core::Result<void> Server::State::listen(const ListenAddress& address) {
  const auto idle_seconds = static_cast<unsigned>(options.idle_timeout.count());
  auto listener = listen_on(address);
  if (!listener) {
    return listener.error();
  }
  // poll, not epoll: libmicrohttpd 0.9.75 watches edge-triggered and misses the end of a connection that arrives
  // together with half a head. Such connections then count as open until the idle timeout, and a few dozen of them shut
  // their client out. For as many sockets as there are connections at most, poll costs nothing.
  //
  // The library owns the socket from here on; whether it closes it when it cannot start depends on the reason, and a
  // socket left open is better than one closed twice.
  //
  // One more than the limit of connections, so that on_accept() can refuse instead of leaving clients in the backlog.
  constexpr unsigned kFlags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC;
  // clang-format off
  DaemonPointer daemon(MHD_start_daemon(
      kFlags, 0, on_accept, &limits, on_request, this,
      MHD_OPTION_LISTEN_SOCKET, listener->fd.release(),
      MHD_OPTION_CONNECTION_LIMIT, options.connections + 1,
      MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, options.connection_memory_bytes,
      MHD_OPTION_NOTIFY_CONNECTION, on_connection, &limits,
      MHD_OPTION_NOTIFY_COMPLETED, on_completed, this,
      MHD_OPTION_URI_LOG_CALLBACK, on_target, nullptr,
      MHD_OPTION_END));
  // clang-format on
  if (daemon == nullptr) {
    return core::Error::from_errno("start the HTTP server on " + to_string(address), errno);
  }
  addresses.push_back(listener->address);
  daemons.push_back(std::move(daemon));
  return {};
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() = default;

core::Result<std::unique_ptr<Server>> Server::start(const std::vector<ListenAddress>& addresses, Routes routes,
                                                    const Options& options) {
  auto state = std::make_unique<State>(std::move(routes), options);
  for (const ListenAddress& address : addresses) {
    if (auto listening = state->listen(address); !listening) {
      return listening.error();
    }
  }
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

const std::vector<ListenAddress>& Server::addresses() const {
  return state_->addresses;
}

Counters Server::counters() const {
  return {state_->statuses.read(), state_->limits.refused()};
}

}  // namespace tcpperf::adapters::http

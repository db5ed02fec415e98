#include "adapters/http/requests.h"

#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include "adapters/http/handle.h"

namespace tcpperf::adapters::http {
namespace {

using std::chrono::steady_clock;

Stage stage_of(Passwords::Answer answer) {
  switch (answer) {
    case Passwords::Answer::kAsked: return Stage::kPassword;
    case Passwords::Answer::kRight: return Stage::kAllowed;
    case Passwords::Answer::kWrong: return Stage::kDenied;
    case Passwords::Answer::kBusy: return Stage::kBusy;
  }
  return Stage::kBusy;
}

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

Response malformed(std::string_view why) {
  Response response = text_response(MHD_HTTP_BAD_REQUEST, std::string(why));
  response.headers.emplace_back("Connection", "close");
  return response;
}

}  // namespace

Requests::Requests(const Routes& routes, const SecuritySource& security, Connections& connections,
                   std::size_t most_unsent_bytes)
    : security_(security),
      connections_(connections),
      most_unsent_bytes_(most_unsent_bytes),
      passwords_([](void* who, Passwords::Answer answer) { resume(*static_cast<Connection*>(who), stage_of(answer)); }),
      pages_(routes, [this](const std::vector<void*>& who, const Response& response) { page_made(who, response); }) {}

void Requests::stop() {
  passwords_.stop();
  pages_.stop();
}

MHD_Result Requests::queue(Connection& connection, unsigned status, MHD_Response* response) {
  connection.stage = Stage::kAnswered;
  if (response == nullptr) {
    return MHD_NO;
  }
  const MHD_Result result = MHD_queue_response(connection.handle, status, response);
  if (result == MHD_YES) {
    statuses_.add(status);
    connection.ever_answered = true;
    if (status == MHD_HTTP_OK) {
      connections_.served(connection.socket);
    }
    connections_.step(connection.socket, Waiting::kForReader, steady_clock::now());
  }
  return result;
}

MHD_Result Requests::send(Connection& connection, const Response& response) {
  return queue(connection, static_cast<unsigned>(response.status), wrap(response).get());
}

// A page beyond the limit costs the slowest readers theirs; where that is not enough, or not at once, it may be twice
// the limit.
ResponsePointer Requests::wrap_page(const std::vector<void*>& who, const Response& response, int& status) {
  const std::size_t size = response.body == nullptr ? 0 : response.body->size();
  const std::size_t waiting = outbox_.unsent_bytes();
  if (size != 0 && waiting != 0 && waiting + size > most_unsent_bytes_) {
    connections_.free_bodies(waiting + size - most_unsent_bytes_, most_unsent_bytes_ / 2, steady_clock::now());
    if (waiting + size > 2 * most_unsent_bytes_) {
      status = MHD_HTTP_SERVICE_UNAVAILABLE;
      return wrap(come_back_later(status, "Too many clients read too slowly.\n"));
    }
  }
  for (void* each : who) {
    connections_.carries(static_cast<Connection*>(each)->socket, response.body.get(), size);
  }
  return wrap(response);
}

void Requests::page_made(const std::vector<void*>& who, const Response& response) {
  ResponsePointer wrapped;
  int status = response.status;
  try {
    wrapped = wrap_page(who, response, status);
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
MHD_Result Requests::ask_for_page(Connection& connection) {
  const Target target = split_target(connection.target);
  PageMaker::Asked asked{connection.method, std::string(target.path), std::string(target.query),
                         joined_headers(connection.handle, "Accept"),
                         joined_headers(connection.handle, "Accept-Encoding")};
  connection.stage = Stage::kPage;
  connections_.step(connection.socket, Waiting::kForUs, steady_clock::now());
  MHD_suspend_connection(connection.handle);
  if (!pages_.ask(&connection, std::move(asked))) {
    resume(connection, Stage::kAnswered);
  }
  return MHD_YES;
}

MHD_Result Requests::check_password(Connection& connection, const core::WebSecurity& settings) {
  const auto credentials = parse_basic_credentials(joined_headers(connection.handle, "Authorization"));
  if (!credentials) {
    return send(connection, unauthorized());
  }
  connection.stage = Stage::kPassword;
  connections_.step(connection.socket, Waiting::kForUs, steady_clock::now());
  MHD_suspend_connection(connection.handle);
  const Passwords::Answer answer = passwords_.check(&connection, connection.client, *credentials, settings.users);
  if (answer != Passwords::Answer::kAsked) {
    resume(connection, stage_of(answer));
  }
  return MHD_YES;
}

MHD_Result Requests::begin(Connection& connection) {
  const auto in_force = security_();
  if (!rate_limiter_.admits(in_force->settings.rate_limit, steady_clock::now())) {
    return send(connection, come_back_later(MHD_HTTP_TOO_MANY_REQUESTS, "More requests than the rate limit allows.\n"));
  }
  return in_force->settings.users.empty() ? ask_for_page(connection) : check_password(connection, in_force->settings);
}

MHD_Result Requests::next(Connection& connection, const RequestLine& line) {
  switch (connection.stage) {
    case Stage::kHead:
      // The library calls once when the head is read and again when the body is. A response at the first call leaves
      // the body unread and ends the connection, so it is for requests with a body and for malformed ones only.
      if (const auto why = malformation(connection.handle, line); !why.empty()) {
        return send(connection, malformed(why));
      }
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

MHD_Result Requests::advance(Connection& connection, const RequestLine& line) {
  const Stage before = connection.stage;
  try {
    connection.method = line.method;
    return next(connection, line);
  } catch (const std::exception&) {
    // Out of memory. A connection that is suspended ends when it is resumed.
    const bool suspended =
        connection.stage != before && (connection.stage == Stage::kPassword || connection.stage == Stage::kPage);
    if (suspended) {
      resume(connection, Stage::kAnswered);
      return MHD_YES;
    }
    return MHD_NO;
  }
}

void Requests::completed(Connection& connection) {
  const auto* info = MHD_get_connection_info(connection.handle, MHD_CONNECTION_INFO_HTTP_STATUS);
  if (connection.stage != Stage::kAnswered && info != nullptr && info->http_status != 0) {
    statuses_.add(info->http_status);
    connection.ever_answered = true;
  }
  connection.response.reset();
}

}  // namespace tcpperf::adapters::http

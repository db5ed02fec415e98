// A connection of the library's, as far as the server knows it. Internal to this adapter.
#pragma once

#include <memory>
#include <string>

#include <microhttpd.h>

#include "adapters/http/client_key.h"
#include "adapters/http/outbox.h"
#include "adapters/http/security.h"

namespace tcpperf::adapters::http {

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

// Lives in the library's socket context while the connection is open. It belongs to the library's thread, but while the
// connection is suspended to the thread that will resume it.
struct Connection {
  MHD_Connection* handle = nullptr;
  int socket = -1;
  ClientKey client{};
  std::shared_ptr<const Security> security;  // TLS: that of its beginning, whose credentials the session uses
  std::string method;                        // of the current request
  std::string target;                        // of the current request, as sent
  const char* target_at = nullptr;           // where the library has it
  Stage stage = Stage::kHead;
  int status = 0;  // of `response`
  ResponsePointer response;
  bool ever_answered = false;
};

// Null where there was no memory for one.
inline Connection* connection_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info == nullptr ? nullptr : static_cast<Connection*>(info->socket_context);
}

// Gives a suspended connection back to the library. Any thread that owns it.
inline void resume(Connection& connection, Stage stage) {
  connection.stage = stage;
  MHD_resume_connection(connection.handle);
}

}  // namespace tcpperf::adapters::http

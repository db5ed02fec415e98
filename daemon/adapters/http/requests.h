// What happens to a request, from its head to its response: is it sound, is it within the rate limit, is its password
// right, and then its page. Internal to this adapter.
#pragma once

#include <memory>
#include <vector>

#include <microhttpd.h>

#include "adapters/http/connection.h"
#include "adapters/http/connections.h"
#include "adapters/http/message.h"
#include "adapters/http/outbox.h"
#include "adapters/http/page_maker.h"
#include "adapters/http/passwords.h"
#include "adapters/http/rate_limiter.h"
#include "adapters/http/request_head.h"
#include "adapters/http/security.h"
#include "adapters/http/status_counts.h"

namespace tcpperf::adapters::http {

// Called by the library's thread. What takes long is done by threads of its own, while the connection is suspended.
// Outlives the library's daemon; stop() comes before the daemon's end, which must not have suspended connections.
class Requests {
 public:
  // The routes and the connections outlive it. `most_unsent_bytes`: see Server's options.
  Requests(const Routes& routes, const SecuritySource& security, Connections& connections,
           std::size_t most_unsent_bytes);

  void stop();

  // The library's access handler: called when the head has come, again when all of the request has, and after each
  // resumption. Does not throw.
  MHD_Result advance(Connection& connection, const RequestLine& line);
  // The library has ended the request, perhaps with a response of its own of which nobody has heard.
  void completed(Connection& connection);

  [[nodiscard]] const StatusCounts& statuses() const { return statuses_; }

 private:
  MHD_Result next(Connection& connection, const RequestLine& line);
  MHD_Result begin(Connection& connection);
  MHD_Result check_password(Connection& connection, const core::WebSecurity& settings);
  MHD_Result ask_for_page(Connection& connection);
  MHD_Result send(Connection& connection, const Response& response);
  MHD_Result queue(Connection& connection, unsigned status, MHD_Response* response);
  ResponsePointer wrap(const Response& response) { return outbox_.wrap(response, security_()->settings.http); }
  ResponsePointer wrap_page(const std::vector<void*>& who, const Response& response, int& status);
  void page_made(const std::vector<void*>& who, const Response& response);

  const SecuritySource& security_;
  Connections& connections_;
  const std::size_t most_unsent_bytes_;
  StatusCounts statuses_;
  RateLimiter rate_limiter_;
  Outbox outbox_;
  Passwords passwords_;
  PageMaker pages_;
};

}  // namespace tcpperf::adapters::http

// From a request to the complete response. Pure but for what the handlers do; knows no socket.
#pragma once

#include <string_view>

#include "adapters/http/message.h"

namespace tcpperf::adapters::http {

// Path and query of a request target in origin form ("/metrics?a=b") or absolute form ("http://host/metrics").
struct Target {
  std::string_view path;
  std::string_view query;
};
Target split_target(std::string_view target);

// Calls the route's handler and completes what it returns: gzip where the client takes it and it pays, Vary, nosniff.
// Unknown path: 404; a method besides GET and HEAD: 405; an exception of the handler: 500. For HEAD the body is that of
// GET; leaving it out is the sender's part, as its length is announced.
Response handle(const Request& request, const Routes& routes);

}  // namespace tcpperf::adapters::http

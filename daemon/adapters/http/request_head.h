// The head of a request, as the library has read it. Internal to this adapter.
#pragma once

#include <string>
#include <string_view>

#include <microhttpd.h>

namespace tcpperf::adapters::http {

bool has_body(MHD_Connection* connection);

// The values of one header, joined by ", ". May throw.
std::string joined_headers(MHD_Connection* connection, std::string_view name);

// Where the library has the parts of the request line.
struct RequestLine {
  const char* method = nullptr;
  const char* target = nullptr;
  std::string_view target_text;  // as it was sent
  const char* version = nullptr;
};

// What is wrong with it (RFC 9112), in a sentence; empty if nothing. The library takes what a proxy in front of it may
// understand in another way: where one request ends and the next begins must not be a matter of opinion.
std::string_view malformation(MHD_Connection* connection, const RequestLine& line);

}  // namespace tcpperf::adapters::http

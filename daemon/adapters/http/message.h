// Requests and responses as handlers see them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace tcpperf::adapters::http {

// Valid during the call of the handler only.
struct Request {
  std::string_view method;
  std::string_view path;   // as sent, not percent-decoded, without the query
  std::string_view query;  // as sent, without the '?'
  // The value of Accept or Accept-Encoding by its name without case, several of the same name joined by ", "; empty
  // when there is none, and for all other headers. Never empty itself.
  std::function<std::string(std::string_view name)> header;
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::shared_ptr<const std::string> body;  // shared, so that several clients may be sent one page; null means empty
  std::vector<std::pair<std::string, std::string>> headers;  // besides those that the server sets
};

// May throw: the client gets status 500.
using Handler = std::function<Response(const Request&)>;

struct Page {
  Handler handler;
  // Requests with the same text share one response. Without it all do: the handler looks at nothing of the request.
  std::function<std::string(const Request&)> variant;

  // A handler alone.
  template <typename Callable, typename = std::enable_if_t<std::is_invocable_r_v<Response, Callable&, const Request&>>>
  // NOLINTNEXTLINE(google-explicit-constructor): a page is written where it is wanted, like a function
  Page(Callable callable) : handler(std::move(callable)) {}
  Page(Handler of_page, std::function<std::string(const Request&)> variant_of_page)
      : handler(std::move(of_page)), variant(std::move(variant_of_page)) {}
};

using Routes = std::map<std::string, Page, std::less<>>;  // by exact path

Response text_response(int status, std::string body);

}  // namespace tcpperf::adapters::http

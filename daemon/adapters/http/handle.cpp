#include "adapters/http/handle.h"

#include <cstddef>
#include <exception>

#include "adapters/http/gzip.h"

namespace tcpperf::adapters::http {
namespace {

constexpr std::size_t kGzipFromBytes = 1024;  // below, the headers outweigh the gain

Response not_found(const Routes& routes) {
  std::string text = "No such page. This server has:\n";
  for (const auto& [path, page] : routes) {
    text += "  " + path + "\n";
  }
  return text_response(404, std::move(text));
}

Response method_not_allowed() {
  Response response = text_response(405, "Only GET and HEAD are served.\n");
  response.headers.emplace_back("Allow", "GET, HEAD");
  return response;
}

Response call(const Handler& handler, const Request& request) {
  try {
    return handler(request);
  } catch (const std::exception& problem) {
    return text_response(500, std::string("Internal error: ") + problem.what() + "\n");
  } catch (...) {
    return text_response(500, "Internal error.\n");
  }
}

Response route(const Request& request, const Routes& routes) {
  const auto found = routes.find(request.path);
  if (found == routes.end()) {
    return not_found(routes);
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return method_not_allowed();
  }
  Response response = call(found->second.handler, request);
  response.headers.emplace_back("Vary", "Accept-Encoding");
  return response;
}

}  // namespace

Response text_response(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::make_shared<const std::string>(std::move(body));
  return response;
}

Target split_target(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.starts_with(scheme)) {
      target.remove_prefix(scheme.size());
      const std::size_t slash = target.find_first_of("/?");
      target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
      break;
    }
  }
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos) {
    return {target, {}};
  }
  return {target.substr(0, question), target.substr(question + 1)};
}

Response handle(const Request& request, const Routes& routes) {
  Response response = route(request, routes);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  if (response.body != nullptr && response.body->size() >= kGzipFromBytes &&
      accepts_gzip(request.header("Accept-Encoding"))) {
    if (auto compressed = gzip(*response.body)) {
      response.body = std::make_shared<const std::string>(std::move(*compressed));
      response.headers.emplace_back("Content-Encoding", "gzip");
    }
  }
  return response;
}

}  // namespace tcpperf::adapters::http

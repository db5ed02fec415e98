// A server with the pages that the tests ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/http/server.h"
#include "catch.h"

namespace tcpperf::tests {

// 5 MB, not too compressible.
inline const std::string& large_page() {
  static const std::string page = [] {
    std::string text;
    for (std::uint64_t i = 0; text.size() < 5'000'000; ++i) {
      text += "metric{label=\"" + std::to_string(i) + "\"} " + std::to_string(i * 2654435761U) + "\n";
    }
    return text;
  }();
  return page;
}

inline adapters::http::Routes test_routes() {
  using adapters::http::Request;
  using adapters::http::Response;
  using adapters::http::text_response;
  return {{"/", [](const Request&) { return text_response(200, "hello\n"); }},
          {"/metrics", [](const Request&) { return text_response(200, large_page()); }},
          {"/throw", [](const Request&) -> Response { throw std::runtime_error("broken"); }},
          {"/teapot",
           [](const Request&) {
             Response response;
             response.status = 418;
             return response;
           }},
          {"/echo", [](const Request& r) {
             Response response =
                 text_response(200, std::string(r.method) + "|" + std::string(r.path) + "|" + std::string(r.query) +
                                        "|" + r.header("ACCEPT") + "|" + r.header("missing") + "|");
             response.headers.emplace_back("X-Extra", "1");
             return response;
           }}};
}

inline core::Result<std::unique_ptr<adapters::http::Server>> start_server(
    const std::vector<adapters::http::ListenAddress>& addresses, adapters::http::Routes routes,
    const adapters::http::Options& options, adapters::http::SecuritySource security = {}) {
  return adapters::http::Server::start({addresses}, std::move(routes), options, std::move(security));
}

inline std::unique_ptr<adapters::http::Server> run(const std::vector<adapters::http::ListenAddress>& addresses,
                                                   const adapters::http::Options& options = {}) {
  auto server = adapters::http::Server::start({addresses}, test_routes(), options);
  if (!server) {
    FAIL(server.error().message);
  }
  return std::move(*server);
}

inline std::uint64_t count_of(const adapters::http::Counters& counters, std::string_view status) {
  for (const auto& [code, count] : counters.responses) {
    if (code == status) {
      return count;
    }
  }
  throw std::out_of_range("no such status");
}

inline std::string own_name() {
  std::ifstream comm("/proc/self/comm");
  std::string name;
  std::getline(comm, name);
  return name;
}

inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator list("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(list), end(list)));
}

}  // namespace tcpperf::tests

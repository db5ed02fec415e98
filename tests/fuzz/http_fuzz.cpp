// Whatever a client or an operator may send to the HTTP adapter. The first byte chooses: one input in eight goes as it
// is to a running server, which must answer a proper request afterwards; the others go to the parsers and handle().
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/exposition/encoder.h"
#include "adapters/exposition/format.h"
#include "adapters/exposition/protobuf_encoder.h"
#include "adapters/http/client.h"
#include "adapters/http/gzip.h"
#include "adapters/http/handle.h"
#include "adapters/http/listen_address.h"
#include "adapters/http/server.h"
#include "core/base/utf8.h"

namespace {

namespace http = tcpperf::adapters::http;
namespace exposition = tcpperf::adapters::exposition;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

const std::string& page() {
  static const std::string text(4096, 'x');
  return text;
}

http::Response metrics(const http::Request& request) {
  const exposition::Format format = exposition::negotiate(request.header("Accept"));
  http::Response response = http::text_response(200, page());
  response.content_type = exposition::content_type(format);
  return response;
}

// Takes the text up to the next line feed off the front of `rest`.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

void fuzz_listen_address(std::string_view text) {
  if (const auto address = http::parse_listen_address(text)) {
    const auto again = http::parse_listen_address(http::to_string(*address));
    require(again.has_value() && *again == *address);
  }
}

void fuzz_handle(std::string_view input) {
  static const http::Routes routes{{"/metrics", metrics}};
  const std::string_view method = take_line(input);
  const http::Target target = http::split_target(take_line(input));
  const std::string_view accept_encoding = take_line(input);
  const http::Request request{method, target.path, target.query, [&](std::string_view name) {
                                return std::string(name == "Accept-Encoding" ? accept_encoding : input);
                              }};
  const http::Response response = http::handle(request, routes);
  require(response.body != nullptr);
  if (response.status == 200) {
    require(target.path == "/metrics" && (method == "GET" || method == "HEAD"));
    const bool compressed = http::accepts_gzip(accept_encoding);
    require((compressed ? tcpperf::tests::gunzip(*response.body) : *response.body) == page());
  } else {
    require(response.status == 404 || response.status == 405);
  }
}

// Label values and help come from the kernel and the configuration, but process names are anybody's.
void fuzz_escaping(std::string_view text) {
  prometheus::MetricFamily family;
  family.name = "f";
  family.help = text;
  family.type = prometheus::MetricType::Gauge;
  prometheus::ClientMetric metric;
  metric.label = {{"l", std::string(text)}};
  family.metric = {metric};
  const std::string encoded = exposition::TextEncoder().encode({family});
  std::size_t lines = 0;
  for (const char c : encoded) {
    lines += c == '\n' ? 1 : 0;
  }
  require(lines == (text.empty() ? 2 : 3));
}

void fuzz_protobuf(std::string_view text) {
  static const tcpperf::core::MetricSpec spec{
      .name = "f", .help = "", .kind = tcpperf::core::MetricKind::kGauge, .labels = {"l"}};
  const std::vector<std::string> values{std::string(text)};
  tcpperf::core::Snapshot snapshot;
  snapshot.families.push_back({&spec, {{std::make_shared<const std::vector<std::string>>(values), 1.0}}});
  const std::string page = exposition::encode_protobuf(snapshot, {});
  const std::string value = tcpperf::core::to_utf8(text);
  require(tcpperf::core::is_utf8(value));
  require(value == text || !tcpperf::core::is_utf8(text));
  require(page.find(value) != std::string::npos);
}

void fuzz_server(std::string_view bytes) {
  static const std::unique_ptr<http::Server> server = [] {
    http::Options options;
    options.idle_timeout = std::chrono::seconds(1);
    options.new_connections_per_client_and_second = 1'000'000;
    auto started = http::Server::start({{{"127.0.0.1", 0}}}, {{"/metrics", metrics}}, options);
    require(started.has_value());
    return std::move(*started);
  }();
  {
    const tcpperf::tests::Client client(server->addresses()[0]);
    client.send(bytes);
  }
  require(tcpperf::tests::request(server->addresses()[0], "GET", "/metrics").body == page());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {  // NOLINT: the name is libFuzzer's
  if (size == 0) {
    return 0;
  }
  const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 8 == 0) {
    fuzz_server(input);
    return 0;
  }
  exposition::negotiate(input);
  fuzz_listen_address(input);
  fuzz_handle(input);
  fuzz_escaping(input);
  fuzz_protobuf(input);
  return 0;
}

// Serves a page of so many histograms, by our server and encoders or by prometheus-cpp's Exposer, until its standard
// input ends. Says the port.
//
// usage: tcpperf_bench_server tcpperf|exposer HISTOGRAMS
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include "adapters/exposition/families.h"
#include "adapters/exposition/format.h"
#include "adapters/exposition/page.h"
#include "adapters/http/server.h"
#include "sample_page.h"

namespace {

using namespace tcpperf;
namespace exposition = adapters::exposition;
namespace http = adapters::http;

constexpr int kPerOctave = core::Histogram::kBucketsPerOctave;

void wait_for_end() {
  while (std::getchar() != EOF) {
  }
}

void say(int port) {
  std::printf("%d\n", port);
  std::fflush(stdout);
}

int serve_ours(const core::Snapshot& snapshot) {
  const auto format_for = [](const http::Request& request) { return exposition::negotiate(request.header("Accept")); };
  const auto handler = [&snapshot, format_for](const http::Request& request) {
    const exposition::Format format = format_for(request);
    http::Response response;
    response.content_type = exposition::content_type(format);
    response.body = std::make_shared<const std::string>(
        exposition::encode_page(snapshot, format, {kPerOctave, core::ProtobufHistograms::kNative}));
    return response;
  };
  const auto variant = [format_for](const http::Request& request) {
    return std::string(exposition::content_type(format_for(request)));
  };
  http::Routes routes;
  routes.emplace("/metrics", http::Page(handler, variant));
  auto server = http::Server::start({{{"127.0.0.1", 0}}}, std::move(routes), {});
  if (!server) {
    std::fprintf(stderr, "tcpperf_bench_server: %s\n", server.error().message.c_str());
    return 1;
  }
  say((*server)->addresses().front().port);
  wait_for_end();
  return 0;
}

// As an application of prometheus-cpp has it: families that are there, copied for each scrape.
class Fixed : public prometheus::Collectable {
 public:
  explicit Fixed(std::vector<prometheus::MetricFamily> families) : families_(std::move(families)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override { return families_; }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

int serve_exposer(const core::Snapshot& snapshot) {
  std::vector<prometheus::MetricFamily> families;
  for (const core::Family& family : snapshot.families) {
    families.push_back(exposition::to_metric_family(family, kPerOctave));
  }
  const auto fixed = std::make_shared<Fixed>(std::move(families));
  prometheus::Exposer exposer("127.0.0.1:0");
  exposer.RegisterCollectable(fixed);
  say(exposer.GetListeningPorts().front());
  wait_for_end();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view who = argc == 3 ? argv[1] : "";
  if (who != "tcpperf" && who != "exposer") {
    std::fprintf(stderr, "usage: tcpperf_bench_server tcpperf|exposer HISTOGRAMS\n");
    return 2;
  }
  const core::Snapshot snapshot = bench::sample_page(std::strtol(argv[2], nullptr, 10));
  return who == "tcpperf" ? serve_ours(snapshot) : serve_exposer(snapshot);
}

#include "app/pages.h"

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "adapters/exposition/format.h"
#include "adapters/exposition/page.h"
#include "app/version.h"

namespace tcpperf::app {
namespace {

using adapters::http::Request;
using adapters::http::Response;

Response metrics_page(const PageSources& sources, const Request& request) {
  namespace exposition = adapters::exposition;
  const std::shared_ptr<const core::Snapshot> snapshot = sources.collector.collect();
  const exposition::Format format = exposition::negotiate(request.header("Accept"));
  Response response;
  response.headers.emplace_back("Vary", "Accept");
  response.content_type = exposition::content_type(format);
  response.body = std::make_shared<const std::string>(exposition::encode_page(*snapshot, format, sources.histograms));
  return response;
}

nlohmann::ordered_json probe_json(const core::ProbeDescriptor& probe, const adapters::bpf::Session& session) {
  const core::ProbeHealth health = session.health(probe);
  nlohmann::ordered_json out;
  out["name"] = probe.name;
  out["summary"] = probe.summary;
  out["status"] = core::to_string(health.status);
  out["reason"] = health.reason;
  out["programs"] = nlohmann::ordered_json::array();
  for (const adapters::bpf::ProgramState& program : session.programs()) {
    if (std::find(program.probes.begin(), program.probes.end(), probe.name) != program.probes.end()) {
      out["programs"].push_back({{"name", program.name}, {"hook", program.hook}, {"attached", program.attached}});
    }
  }
  out["metrics"] = nlohmann::ordered_json::array();
  for (const core::MetricDef& metric : probe.metrics) {
    out["metrics"].push_back(metric.spec.name);
  }
  return out;
}

Response probes_page(const PageSources& sources) {
  const auto session = sources.collector.session();
  nlohmann::ordered_json page = nlohmann::ordered_json::array();
  for (const core::ProbeDescriptor* probe : sources.probes) {
    page.push_back(probe_json(*probe, *session));
  }
  Response response;
  response.content_type = "application/json";
  response.body = std::make_shared<const std::string>(page.dump(2) + "\n");
  return response;
}

Response landing_page(const PageSources& sources) {
  const auto session = sources.collector.session();
  std::string rows;
  for (const core::ProbeDescriptor* probe : sources.probes) {
    rows += "<tr><td>" + std::string(probe->name) + "</td><td>" +
            std::string(core::to_string(session->health(*probe).status)) + "</td><td>" + std::string(probe->summary) +
            "</td></tr>\n";
  }
  Response response;
  response.content_type = "text/html; charset=utf-8";
  response.body = std::make_shared<const std::string>(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>tcpperf</title>\n"
      "<style>body{font-family:sans-serif;margin:2em}td{padding:.2em 1.5em .2em 0}</style></head><body>\n"
      "<h1>tcpperf " +
      std::string(kVersion) +
      "</h1>\n<p>Measures every TCP connection of this host.</p>\n"
      "<p><a href=\"/metrics\">Metrics</a> &middot; <a href=\"/probes\">Probes</a> &middot; "
      "<a href=\"/-/healthy\">Healthy</a> &middot; <a href=\"/-/ready\">Ready</a></p>\n<table>\n" +
      rows + "</table>\n</body></html>\n");
  return response;
}

}  // namespace

adapters::http::Routes make_pages(const PageSources& sources) {
  return {
      {"/", [sources](const Request&) { return landing_page(sources); }},
      {"/metrics",
       {[sources](const Request& request) { return metrics_page(sources, request); },
        [](const Request& request) {
          return std::string(
              adapters::exposition::content_type(adapters::exposition::negotiate(request.header("Accept"))));
        }}},
      {"/probes", [sources](const Request&) { return probes_page(sources); }},
      {"/-/healthy", [](const Request&) { return adapters::http::text_response(200, "tcpperfd is healthy.\n"); }},
      {"/-/ready",
       [sources](const Request&) {
         return sources.ready ? adapters::http::text_response(200, "tcpperfd is ready.\n")
                              : adapters::http::text_response(503, "tcpperfd is starting.\n");
       }},
  };
}

}  // namespace tcpperf::app

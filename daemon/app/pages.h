// What the daemon serves over HTTP.
#pragma once

#include <atomic>
#include <functional>

#include "adapters/http/message.h"
#include "app/collector.h"
#include "core/metrics/histogram_exposition.h"

namespace tcpperf::app {

// What the pages need. References outlive the server.
struct PageSources {
  Collector& collector;
  core::ProbeTable probes;
  const std::atomic<bool>& ready;                            // programs attached and port bound
  const std::atomic<core::HistogramExposition>& histograms;  // from the configuration; changes with a reload
};

// "/metrics", "/probes", "/-/healthy", "/-/ready", "/".
adapters::http::Routes make_pages(const PageSources& sources);

}  // namespace tcpperf::app

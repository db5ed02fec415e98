// The running daemon: what is loaded, served and judged, and the loop that holds it together.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include "adapters/bpf/session.h"
#include "adapters/http/server.h"
#include "adapters/systemd/notifier.h"
#include "app/alerting.h"
#include "app/collector.h"
#include "app/cpu_budget.h"
#include "app/event_loop.h"
#include "app/kernel_numbers.h"
#include "app/options.h"
#include "app/web_config.h"
#include "config/model.h"
#include "core/base/result.h"
#include "core/metrics/histogram_exposition.h"

namespace tcpperf::app {

// Reads and checks a configuration. The error has one line per mistake, each with file, line and column.
core::Result<config::Config> load_config(const std::string& file);

// Lives on the main thread; the HTTP server's threads reach it only through the pages.
class Daemon {
 public:
  // Loads, attaches, binds; nothing is left behind on an Error.
  static core::Result<std::unique_ptr<Daemon>> start(const Options& options);

  // Runs until SIGTERM or SIGINT.
  core::Result<void> run();

 private:
  Daemon(Options options, std::unique_ptr<adapters::bpf::Kernel> kernel, EventLoop loop,
         std::unique_ptr<WebConfig> web_config);
  core::Result<void> apply_probes(const config::Config& config);
  core::Result<void> apply(const config::Config& config);
  core::Result<void> serve();
  void reload();
  void add_to_report(core::SelfReport& report) const;
  [[nodiscard]] std::string status_line() const;

  const Options options_;
  const std::unique_ptr<adapters::bpf::Kernel> kernel_;
  EventLoop loop_;
  const std::unique_ptr<WebConfig> web_config_;
  std::vector<int> activation_sockets_;  // until the server has them
  std::chrono::milliseconds tick_{0};    // zero: not set yet
  std::atomic<bool> ready_ = false;
  std::atomic<core::HistogramExposition> histograms_;
  std::atomic<bool> reload_successful_ = true;
  std::atomic<double> reload_success_unix_seconds_ = 0;

  Alerting alerting_;
  KernelNumbers kernel_numbers_;
  CpuBudget cpu_budget_;
  Collector collector_;
  std::shared_ptr<adapters::bpf::Session> session_;
  mutable std::mutex server_mutex_;                 // the pages' reading asks the server for its counts
  std::unique_ptr<adapters::http::Server> server_;  // last: its threads use all of the above
};

}  // namespace tcpperf::app

// One reading of everything. The scrape and the tick call the same function, so they never differ in how a number is
// made.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "adapters/bpf/session.h"
#include "app/group_keeper.h"
#include "app/kernel_numbers.h"
#include "core/metrics/fold.h"
#include "core/metrics/snapshot.h"
#include "core/self/self_metrics.h"

namespace tcpperf::app {

// Thread-safe. Calls that come while a reading is in flight wait for it and share the next one, so that every result
// shows what happened before it was asked for.
class Collector {
 public:
  // `add_to_report` fills in what only the rest of the daemon knows (alerts, deliveries, reload, HTTP); it is called
  // during every reading, on the reading thread.
  // Refers to `numbers`.
  Collector(core::ProbeTable probes, const core::KernelNames& kernel, KernelNumbers& numbers,
            std::function<void(core::SelfReport&)> add_to_report);

  // Which loaded set to read. Waits for a reading in flight.
  // `idle_after`: groups unseen for so long give their slots back.
  void set_session(std::shared_ptr<adapters::bpf::Session> session, std::chrono::nanoseconds idle_after);
  [[nodiscard]] std::shared_ptr<const adapters::bpf::Session> session() const;

  // Never fails: what cannot be read is missing from the snapshot and counted in it.
  std::shared_ptr<const core::Snapshot> collect();

 private:
  std::shared_ptr<const core::Snapshot> read(adapters::bpf::Session& session);
  void sample(adapters::bpf::Session& session, std::chrono::nanoseconds now);
  void read_tcp_states(std::chrono::nanoseconds now);
  void report_session(const adapters::bpf::Session& session, core::SelfReport& report) const;

  const core::ProbeTable probes_;
  const std::function<void(core::SelfReport&)> add_to_report_;

  mutable std::mutex mutex_;  // guards what follows, up to session_
  std::condition_variable finished_;
  bool reading_ = false;
  std::uint64_t readings_ = 0;  // finished ones
  std::shared_ptr<const core::Snapshot> last_;
  std::shared_ptr<adapters::bpf::Session> session_;

  // Only the reading thread touches these, and there is one at a time.
  core::Folder folder_;
  GroupKeeper groups_;
  KernelNumbers& numbers_;
  std::chrono::nanoseconds next_sample_{};
  std::uint64_t sample_failures_ = 0;
  std::optional<core::TcpStateCounts> tcp_states_;
  std::uint32_t namespaces_counted_ = 0;
  std::uint32_t namespaces_failed_ = 0;
  std::chrono::nanoseconds next_tcp_states_{};
  std::uint64_t tcp_state_failures_ = 0;
  std::uint64_t process_failures_ = 0;
};

}  // namespace tcpperf::app

#include "app/collector.h"

#include <algorithm>

#include "abi/counters.h"
#include "adapters/netlink/network_namespaces.h"
#include "adapters/procfs/process_metrics.h"
#include "app/clock.h"
#include "app/version.h"

namespace tcpperf::app {
namespace {

constexpr std::string_view kStateProbe = "state";
// Going through all sockets may take this part of a CPU at most, 1/n, however many there are and however often one
// scrapes. Between two times the numbers that come from it stand still.
constexpr int kTcpStatesShare = 100;
constexpr int kSampleShare = 200;
// So much of each sampling is free, so that every reading on a host of a few thousand connections is fresh.
constexpr std::chrono::milliseconds kFreeSample{1};
// Of one namespace's dump. The daemon must end within a second of SIGTERM, also in the middle of a reading.
constexpr std::chrono::milliseconds kTcpStatesPatience{300};

class SessionReader final : public core::MapReader {
 public:
  SessionReader(const adapters::bpf::Session& session, const std::optional<core::TcpStateCounts>& tcp_states,
                const KernelNumbers& numbers)
      : session_(session), tcp_states_(tcp_states), numbers_(numbers) {}
  [[nodiscard]] std::span<const std::uint64_t> counters(std::string_view map) const override {
    return session_.counters(map);
  }
  [[nodiscard]] std::span<const tcpperf_histogram> histograms(std::string_view map) const override {
    return session_.histograms(map);
  }
  [[nodiscard]] std::uint32_t cells_per_group(std::string_view map) const override {
    return session_.cells_per_group(map);
  }
  [[nodiscard]] const std::optional<core::TcpStateCounts>& tcp_states() const override { return tcp_states_; }
  [[nodiscard]] std::span<const std::optional<double>> numbers(std::string_view table) const override {
    return numbers_.numbers(table);
  }
  [[nodiscard]] std::uint64_t knob(std::string_view symbol) const override {
    const auto& constants = session_.request().constants;
    const auto found = constants.find(symbol);
    return found == constants.end() ? 0 : found->second;
  }

 private:
  const adapters::bpf::Session& session_;
  const std::optional<core::TcpStateCounts>& tcp_states_;
  const KernelNumbers& numbers_;
};

bool measures(core::ProbeStatus status) {
  return status == core::ProbeStatus::kOk || status == core::ProbeStatus::kDegraded;
}

}  // namespace

Collector::Collector(core::ProbeTable probes, const core::KernelNames& kernel, KernelNumbers& numbers,
                     std::function<void(core::SelfReport&)> add_to_report)
    : probes_(probes), add_to_report_(std::move(add_to_report)), folder_(probes, kernel), numbers_(numbers) {}

void Collector::set_session(std::shared_ptr<adapters::bpf::Session> session, std::chrono::nanoseconds idle_after) {
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [this] { return !reading_; });
  if (session_ != nullptr) {
    for (const core::ProbeDescriptor* probe : probes_) {
      if (!session->goes_on(*probe, *session_)) {
        folder_.restart(*probe);
      }
    }
  }
  session_ = std::move(session);
  groups_.set_idle_after(idle_after);
}

std::shared_ptr<const adapters::bpf::Session> Collector::session() const {
  const std::lock_guard lock(mutex_);
  return session_;
}

std::shared_ptr<const core::Snapshot> Collector::collect() {
  std::unique_lock lock(mutex_);
  // What a reading in flight has passed already may have changed before this call: the next one will do.
  const std::uint64_t wanted = readings_ + (reading_ ? 2 : 1);
  finished_.wait(lock, [&] { return !reading_ || readings_ >= wanted; });
  if (readings_ >= wanted) {
    return last_;
  }
  reading_ = true;
  const std::shared_ptr<adapters::bpf::Session> session = session_;
  lock.unlock();
  std::shared_ptr<const core::Snapshot> snapshot;
  try {
    snapshot = read(*session);
  } catch (...) {  // no memory: this call fails, and those that wait may try
    lock.lock();
    reading_ = false;
    finished_.notify_all();
    throw;
  }
  lock.lock();
  last_ = snapshot;
  ++readings_;
  reading_ = false;
  finished_.notify_all();
  return snapshot;
}

void Collector::read_tcp_states(std::chrono::nanoseconds now) {
  if (now < next_tcp_states_) {
    return;
  }
  // Of the whole daemon, as other namespaces are counted by a thread of its own: rather too much than too little.
  const std::chrono::nanoseconds before = process_cpu_now();
  const core::Result<adapters::NamespaceCounts> states = adapters::count_all_namespaces({}, kTcpStatesPatience);
  next_tcp_states_ = monotonic_now() + kTcpStatesShare * (process_cpu_now() - before);
  if (!states) {
    tcp_states_.reset();
    ++tcp_state_failures_;
    return;
  }
  tcp_states_ = states->sockets;
  namespaces_counted_ = states->namespaces_seen - states->namespaces_failed;
  namespaces_failed_ = states->namespaces_failed;
}

void Collector::sample(adapters::bpf::Session& session, std::chrono::nanoseconds now) {
  if (now < next_sample_) {
    return;
  }
  // The sockets of other namespaces are looked at by a thread that can be in them.
  const auto clock = session.request().object == adapters::bpf::ObjectVariant::kOlder ? monotonic_now : thread_cpu_now;
  const std::chrono::nanoseconds start = clock();
  if (core::Result<void> sampled = session.sample(); !sampled) {
    ++sample_failures_;
    return;
  }
  for (const GroupKeeper::Retired& retired : groups_.recycle(session, now)) {
    for (const core::ProbeDescriptor* probe : probes_) {
      const core::ProbeGrouping place = session.request().groups.of(probe->name);
      if (place.groups != 0 && place.grouping == retired.grouping) {
        folder_.forget(*probe, retired.slot);
      }
    }
  }
  const std::chrono::nanoseconds cost = clock() - start;
  next_sample_ = now + kSampleShare * std::max(cost - kFreeSample, std::chrono::nanoseconds{});
}

std::shared_ptr<const core::Snapshot> Collector::read(adapters::bpf::Session& session) {
  auto snapshot = std::make_shared<core::Snapshot>();
  snapshot->monotonic = monotonic_now();
  sample(session, snapshot->monotonic);
  groups_.read(session);
  numbers_.read(session);
  for (const core::ProbeDescriptor* probe : probes_) {
    if (!measures(session.health(*probe).status)) {
      continue;
    }
    if (probe->name == kStateProbe) {
      read_tcp_states(monotonic_now());
    }
    folder_.fold(*probe, SessionReader(session, tcp_states_, numbers_), groups_.of(session, *probe), *snapshot);
  }
  core::SelfReport report;
  report.version = kVersion;
  report_session(session, report);
  groups_.add_to_report(session, report);
  if (const core::Result<adapters::ProcessMetrics> process = adapters::read_process_metrics()) {
    report.process = core::ProcessReport{
        process->cpu_seconds, process->resident_bytes, process->virtual_bytes,          process->open_fds,
        process->max_fds,     process->threads,        process->start_time_unix_seconds};
  } else {
    ++process_failures_;
  }
  report.collect_failures = {{"tcp_states", tcp_state_failures_},
                             {"process", process_failures_},
                             {"sampling", sample_failures_},
                             {"kernel_counters", numbers_.failures()}};
  report.namespaces_counted = namespaces_counted_;
  report.namespaces_failed = namespaces_failed_;
  add_to_report_(report);
  report.collect_duration_seconds = std::chrono::duration<double>(monotonic_now() - snapshot->monotonic).count();
  core::append_self_metrics(report, *snapshot);
  return snapshot;
}

void Collector::report_session(const adapters::bpf::Session& session, core::SelfReport& report) const {
  for (const core::ProbeDescriptor* probe : probes_) {
    report.probes.push_back({probe->name, session.health(*probe)});
  }
  for (const adapters::bpf::ProgramState& program : session.programs()) {
    report.programs.push_back({program.name, program.hook, program.attached, program.probes});
  }
  std::uint64_t recursion_misses = 0;
  const std::vector<adapters::bpf::ProgramStats> stats = session.program_stats();
  const bool measured = std::any_of(stats.begin(), stats.end(), [](const auto& program) { return program.runs != 0; });
  for (const adapters::bpf::ProgramStats& program : stats) {
    recursion_misses += program.recursion_misses;
    if (measured) {
      report.program_runs.push_back({program.name, program.runs, static_cast<double>(program.run_time_ns) / 1e9});
    }
  }
  for (const adapters::bpf::MapState& map : session.maps()) {
    report.maps.push_back({map.name, map.entries, map.capacity, map.bytes});
  }
  const std::span<const std::uint64_t> lost = session.counters("lost_updates");
  static constexpr std::string_view kReasons[] = {"flow_memory",  "rtt_sample",      "synack_memory",
                                                  "owner_memory", "listener_memory", "highest"};
  static_assert(std::size(kReasons) == TCPPERF_LOST_REASONS);
  for (std::size_t i = 0; i < lost.size() && i < std::size(kReasons); ++i) {
    report.lost_updates.emplace_back(kReasons[i], __atomic_load_n(&lost[i], __ATOMIC_RELAXED));
  }
  report.lost_updates.emplace_back("program_recursion", recursion_misses);
}

}  // namespace tcpperf::app

#include "app/kernel_numbers.h"

#include <algorithm>
#include <utility>

#include "adapters/procfs/kernel_counters.h"
#include "probes/numbers.h"

namespace tcpperf::app {
namespace {

using probes::kComparedCounters;
using probes::kKernelEventNames;

// Names of what is read, in this order: the compared counters, what is taken off each (or an empty name, which no
// counter has), the other counters, and the time of memory pressure.
constexpr std::size_t kLess = kComparedCounters.size();
constexpr std::size_t kEvents = 2 * kComparedCounters.size();
constexpr std::size_t kPressure = kEvents + kKernelEventNames.size();

std::vector<std::string_view> wanted_names() {
  std::vector<std::string_view> names(kPressure + 1);
  for (std::size_t i = 0; i < kComparedCounters.size(); ++i) {
    names[i] = kComparedCounters[i].name;
    names[kLess + i] = kComparedCounters[i].kernel_less;
  }
  std::copy(kKernelEventNames.begin(), kKernelEventNames.end(), names.begin() + kEvents);
  names[kPressure] = probes::kKernelPressureMs;
  return names;
}

core::Result<std::vector<std::optional<std::uint64_t>>> read_counters() {
  static const std::vector<std::string_view> kNames = wanted_names();
  return adapters::read_kernel_counters(kNames);
}

std::optional<double> as_number(std::optional<std::uint64_t> value) {
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

}  // namespace

KernelNumbers::KernelNumbers(const adapters::bpf::Kernel& kernel)
    : kernel_(kernel), reconciliation_(kComparedCounters.size()) {}

std::vector<core::CountPair> KernelNumbers::count_both(const adapters::bpf::Session& session,
                                                       const Counters& kernel) const {
  const std::span<const std::uint64_t> cells = session.counters(probes::kReconciledMap);
  const std::vector<adapters::bpf::ProgramState> programs = session.programs();
  const auto counts = [&](std::string_view name) {
    return name.empty() ||
           std::any_of(programs.begin(), programs.end(), [&](const auto& p) { return p.attached && p.name == name; });
  };
  const auto cell = [&](std::uint32_t index) { return __atomic_load_n(&cells[index], __ATOMIC_RELAXED); };
  std::vector<core::CountPair> pairs(kComparedCounters.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const probes::ComparedCounter& counter = kComparedCounters[i];
    const bool shown =
        counter.tracepoint.empty() || kernel_.tracepoint_arguments(counter.tracepoint).value_or(0) >= counter.arguments;
    if (shown && cells.size() == TCPPERF_RECONCILED_COUNTERS &&
        std::all_of(counter.programs.begin(), counter.programs.end(), counts)) {
      pairs[i].ours = cell(counter.cell) - (counter.cell_less ? cell(*counter.cell_less) : 0);
    }
    if (kernel[i]) {
      pairs[i].kernel = *kernel[i] - kernel[kLess + i].value_or(0);
    }
  }
  return pairs;
}

void KernelNumbers::begin(const adapters::bpf::Session& session) {
  const std::lock_guard lock(mutex_);
  const Counters none(kPressure + 1);
  const core::Result<Counters> counters = read_counters();
  counting_ = &session;
  reconciliation_.begin(count_both(session, counters ? *counters : none));
}

void KernelNumbers::pause(const adapters::bpf::Session& session) {
  const std::lock_guard lock(mutex_);
  const Counters none(kPressure + 1);
  const core::Result<Counters> counters = read_counters();
  counting_ = nullptr;
  reconciliation_.pause(count_both(session, counters ? *counters : none));
}

void KernelNumbers::set_compared(const adapters::bpf::Session& session, const Counters& kernel) {
  // In the middle of a reload the set that is read is not the one that counts.
  const std::vector<std::optional<core::Compared>> totals =
      counting_ == &session ? reconciliation_.totals(count_both(session, kernel)) : reconciliation_.past();
  compared_events_.assign(2 * totals.size(), std::nullopt);
  compared_ratios_.assign(totals.size(), std::nullopt);
  for (std::size_t i = 0; i < totals.size(); ++i) {
    if (!totals[i]) {
      continue;
    }
    compared_events_[2 * i] = static_cast<double>(totals[i]->ours);
    compared_events_[2 * i + 1] = static_cast<double>(totals[i]->kernel);
    if (totals[i]->kernel != 0) {
      compared_ratios_[i] = static_cast<double>(totals[i]->ours) / static_cast<double>(totals[i]->kernel);
    }
  }
}

void KernelNumbers::read(const adapters::bpf::Session& session) {
  compared_events_.clear();
  compared_ratios_.clear();
  kernel_events_.clear();
  kernel_times_.clear();
  kernel_memory_.clear();
  {
    const std::lock_guard lock(mutex_);
    if (const core::Result<Counters> counters = read_counters()) {
      set_compared(session, *counters);
      for (std::size_t i = kEvents; i < kPressure; ++i) {
        kernel_events_.push_back(as_number((*counters)[i]));
      }
      if (const std::optional<std::uint64_t> pressure_ms = (*counters)[kPressure]) {
        kernel_times_.emplace_back(static_cast<double>(*pressure_ms) / 1000);
      }
    } else {
      ++failures_;
    }
  }
  if (const core::Result<adapters::TcpMemory> memory = adapters::read_tcp_memory()) {
    kernel_memory_.emplace_back(static_cast<double>(memory->bytes));
    if (memory->limits) {
      for (const std::uint64_t limit : *memory->limits) {
        kernel_memory_.emplace_back(static_cast<double>(limit));
      }
    }
  } else {
    ++failures_;
  }
}

std::span<const std::optional<double>> KernelNumbers::numbers(std::string_view table) const {
  static const std::pair<std::string_view, Values KernelNumbers::*> kTables[] = {
      {probes::kComparedEvents, &KernelNumbers::compared_events_},
      {probes::kComparedRatios, &KernelNumbers::compared_ratios_},
      {probes::kKernelEvents, &KernelNumbers::kernel_events_},
      {probes::kKernelTimes, &KernelNumbers::kernel_times_},
      {probes::kKernelMemory, &KernelNumbers::kernel_memory_},
  };
  for (const auto& [name, values] : kTables) {
    if (name == table) {
      return this->*values;
    }
  }
  return {};
}

}  // namespace tcpperf::app

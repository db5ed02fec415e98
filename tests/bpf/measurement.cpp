#include "measurement.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <variant>

#include "adapters/netlink/network_namespaces.h"
#include "cgroup_root.h"

namespace tcpperf::test {
namespace {

class Reader final : public core::MapReader {
 public:
  explicit Reader(const adapters::bpf::Session& session) : session_(session) {}
  [[nodiscard]] std::span<const std::uint64_t> counters(std::string_view map) const override {
    return session_.counters(map);
  }
  [[nodiscard]] std::span<const tcpperf_histogram> histograms(std::string_view map) const override {
    return session_.histograms(map);
  }
  [[nodiscard]] std::uint32_t cells_per_group(std::string_view map) const override {
    return session_.cells_per_group(map);
  }
  [[nodiscard]] const std::optional<core::TcpStateCounts>& tcp_states() const override { return none_; }
  [[nodiscard]] std::uint64_t knob(std::string_view symbol) const override {
    return session_.request().constants.find(symbol)->second;
  }

 private:
  const adapters::bpf::Session& session_;
  std::optional<core::TcpStateCounts> none_;
};

class NoNames final : public core::HostNames {
 public:
  [[nodiscard]] std::optional<std::string> cgroup_path(std::uint64_t /*id*/) const override { return std::nullopt; }
};

core::Cidr network(const std::string& text) {
  const core::Result<core::Cidr> cidr = core::parse_cidr(text);
  if (!cidr) {
    throw std::runtime_error(cidr.error().message);
  }
  return *cidr;
}

std::string joined(const std::vector<std::string>& labels) {
  std::string text;
  for (const std::string& label : labels) {
    text += (text.empty() ? "" : ",") + label;
  }
  return "{" + text + "}";
}

const core::Series& series_of(const core::Snapshot& snapshot, std::string_view metric,
                              const std::vector<std::string>& labels) {
  if (const core::Family* family = snapshot.find(metric)) {
    for (const core::Series& series : family->series) {
      if (*series.labels == labels) {
        return series;
      }
    }
  }
  throw std::runtime_error("no series " + std::string(metric) + joined(labels));
}

// The object that fits the kernel, or the one for older kernels, which runs on all, with TCPPERF_TEST_OBJECT=older.
adapters::bpf::ObjectVariant object_to_test(const adapters::bpf::Kernel& kernel) {
  const char* wanted = std::getenv("TCPPERF_TEST_OBJECT");
  return wanted != nullptr && std::string_view(wanted) == "older" ? adapters::bpf::ObjectVariant::kOlder
                                                                  : kernel.fitting_object();
}

}  // namespace

adapters::bpf::FilterTables only_pair() {
  return {{network("10.77.0.0/24"), network("fd77::/64")}, {}, {}, {}};
}

adapters::bpf::FilterTables only_side(const std::string& v4, const std::string& v6) {
  return {{network(v4), network(v6)}, {}, {}, {}};
}

core::GroupPlan group_by(const std::vector<std::string>& probes, const core::GroupBy& by, std::uint32_t capacity,
                         core::PrefixLengths prefix) {
  std::map<std::string, core::GroupRequest, std::less<>> requests;
  for (const core::ProbeDescriptor* probe : tcpperf::probes::probe_table()) {
    if (std::find(probes.begin(), probes.end(), probe->name) != probes.end()) {
      requests[std::string(probe->name)] = {by, capacity, probe->of_listeners};
    }
  }
  return *core::plan_groups(requests, prefix);
}

Measurement::Measurement(const std::vector<std::string>& probes, const adapters::bpf::FilterTables& filter,
                         std::map<std::string, std::uint64_t, std::less<>> constants, const core::GroupPlan& groups,
                         const Tables& tables)
    : tables_(tables) {
  core::Result<std::unique_ptr<adapters::bpf::Kernel>> kernel = adapters::bpf::Kernel::open();
  if (!kernel) {
    throw std::runtime_error(kernel.error().message);
  }
  kernel_ = std::move(*kernel);
  adapters::bpf::LoadRequest request;
  request.object = tables_.object ? *tables_.object : object_to_test(*kernel_);
  request.probes.insert(probes.begin(), probes.end());
  request.filter = filter;
  request.constants = std::move(constants);
  request.groups = groups;
  const Socket cgroup_root = open_cgroup_root();
  request.cgroup_root = "/proc/self/fd/" + std::to_string(cgroup_root.get());
  for (const core::ProbeDescriptor* probe : tables_.probes) {
    for (const core::KnobSpec& knob : probe->knobs) {
      request.constants.try_emplace(std::string(knob.symbol), knob.default_value);
    }
  }
  core::Result<std::unique_ptr<adapters::bpf::Session>> session =
      adapters::bpf::Session::load(tables_.probes, tables_.hooks, *kernel_, request, nullptr);
  if (!session) {
    throw std::runtime_error(session.error().message);
  }
  session_ = std::move(*session);
  session_->look_in([](const std::function<core::Result<void>()>& visit) -> core::Result<void> {
    const core::Result<adapters::NamespaceVisits> visits = adapters::visit_all_namespaces(visit);
    return visits ? core::Result<void>{} : visits.error();
  });
  session_->attach();
  folder_ = std::make_unique<core::Folder>(tables_.probes, *kernel_);
  for (const core::ProbeDescriptor* probe : tables_.probes) {
    const core::ProbeHealth health = session_->health(*probe);
    if (!measures(*probe) && health.status != core::ProbeStatus::kDisabled) {
      throw std::runtime_error(std::string(probe->name) + " is " + std::string(core::to_string(health.status)) + ": " +
                               health.reason);
    }
  }
}

bool Measurement::measures(const core::ProbeDescriptor& probe) const {
  const core::ProbeStatus status = session_->health(probe).status;
  if (status != core::ProbeStatus::kDegraded) {
    return status == core::ProbeStatus::kOk;
  }
  const std::vector<adapters::bpf::ProgramState> programs = session_->programs();
  return std::all_of(probe.hooks.begin(), probe.hooks.end(), [&](const core::HookUse& use) {
    const auto hook = std::find_if(tables_.hooks.begin(), tables_.hooks.end(),
                                   [&](const core::HookDescriptor& each) { return each.program == use.program; });
    return hook->kind == core::HookKind::kFunctionExit || !core::listens(use, session_->request().constants) ||
           std::any_of(programs.begin(), programs.end(),
                       [&](const auto& program) { return program.name == use.program && program.attached; });
  });
}

core::Snapshot Measurement::read() {
  if (core::Result<void> sampled = session_->sample(); !sampled) {
    throw std::runtime_error(sampled.error().message);
  }
  core::Snapshot snapshot;
  std::vector<core::GroupSet> sets;
  const core::GroupPlan& plan = session_->request().groups;
  for (std::uint32_t i = 0; i < plan.groupings.size(); ++i) {
    sets.push_back(core::make_group_set(plan.groupings[i].by, session_->groups().table(i), plan.prefix, NoNames()));
  }
  for (const core::ProbeDescriptor* probe : tables_.probes) {
    if (measures(*probe)) {
      const core::ProbeGrouping place = session_->request().groups.of(probe->name);
      folder_->fold(*probe, Reader(*session_), place.groups == 0 ? core::not_grouped() : sets.at(place.grouping),
                    snapshot);
    }
  }
  return snapshot;
}

double Measurement::value(std::string_view metric, const std::vector<std::string>& labels) {
  return std::get<double>(series_of(read(), metric, labels).value);
}

core::Histogram Measurement::histogram(std::string_view metric, const std::vector<std::string>& labels) {
  return std::get<core::Histogram>(series_of(read(), metric, labels).value);
}

double Measurement::total(std::string_view metric, std::string_view first) {
  const core::Snapshot snapshot = read();
  const core::Family* family = snapshot.find(metric);
  if (family == nullptr) {
    throw std::runtime_error("no metric " + std::string(metric));
  }
  double sum = 0;
  for (const core::Series& series : family->series) {
    if (first.empty() || series.labels->front() == first) {
      sum += std::get<double>(series.value);
    }
  }
  return sum;
}

std::map<std::vector<std::string>, double> Measurement::by_group(std::string_view metric) {
  const core::Snapshot snapshot = read();
  const core::Family* family = snapshot.find(metric);
  if (family == nullptr) {
    throw std::runtime_error("no metric " + std::string(metric));
  }
  std::map<std::vector<std::string>, double> values;
  for (const core::Series& series : family->series) {
    const auto own = static_cast<std::ptrdiff_t>(family->spec->labels.size());
    const auto* histogram = std::get_if<core::Histogram>(&series.value);
    values[{series.labels->begin() + own, series.labels->end()}] +=
        histogram != nullptr ? static_cast<double>(histogram->count()) : std::get<double>(series.value);
  }
  std::erase_if(values, [](const auto& entry) { return entry.second == 0; });
  return values;
}

void Measurement::forget(std::string_view probe, std::uint32_t slot) {
  for (const core::ProbeDescriptor* descriptor : tables_.probes) {
    if (descriptor->name == probe) {
      folder_->forget(*descriptor, slot);
    }
  }
}

std::string Measurement::nonzero() {
  std::string text;
  for (const core::Snapshot snapshot = read(); const core::Family& family : snapshot.families) {
    for (const core::Series& series : family.series) {
      const auto* histogram = std::get_if<core::Histogram>(&series.value);
      const double number =
          histogram != nullptr ? static_cast<double>(histogram->count()) : std::get<double>(series.value);
      if (number != 0) {
        text += std::string(family.spec->name) + joined(*series.labels) + " " + std::to_string(number);
        text += histogram != nullptr ? " sum " + std::to_string(histogram->sum) + "\n" : "\n";
      }
    }
  }
  for (const std::uint64_t lost : session_->counters("lost_updates")) {
    text += lost != 0 ? "lost updates " + std::to_string(lost) + "\n" : "";
  }
  for (const adapters::bpf::ProgramStats& program : session_->program_stats()) {
    if (program.recursion_misses != 0) {
      text += program.name + " recursion_misses " + std::to_string(program.recursion_misses) + "\n";
    }
  }
  return text;
}

}  // namespace tcpperf::test

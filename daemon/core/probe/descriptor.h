// A probe as data: everything the rest of the daemon knows about it. The loader sets its knobs and reads its maps, the
// configuration accepts its keys, the exposition serves its metrics, the rules use its signals, and the documentation
// and `--probes.list` are generated, all from this one description.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/metrics/metric.h"

namespace tcpperf::core {

// A BPF program ("hook") this probe listens on. The program runs the handlers of all enabled probes that listen.
struct HookUse {
  std::string_view program;     // name of the BPF program, e.g. "on_ack"
  bool required = true;         // without it the probe measures nothing; otherwise it only loses `provides`
  std::string_view provides{};  // what is missing when the program cannot be attached; a phrase
  // Listens only when the knob `only_with` (its symbol) has one of these bits; always when it is empty.
  std::string_view only_with{};
  std::uint64_t only_with_bits = 0;
  // What is less exact while the program looks at a part of the connections, beyond what is scaled up; a phrase. Empty:
  // nothing.
  std::string_view thinned{};
};

enum class KnobType { kBool, kCount, kDuration, kChoice };

// A word of a kChoice knob and the constant it stands for.
struct KnobChoice {
  std::string_view word;
  std::uint64_t value = 0;
};

// A value from the probe's YAML block that becomes a constant of its BPF code.
struct KnobSpec {
  std::string_view key;     // YAML key
  std::string_view symbol;  // constant in the BPF object's read-only data; u64 (kDuration in nanoseconds) or bool
  KnobType type = KnobType::kCount;
  std::uint64_t default_value = 0;  // kBool: 0 or 1; kDuration: nanoseconds
  std::uint64_t min_value = 0;
  std::uint64_t max_value = 0;
  std::string_view help;
  std::vector<KnobChoice> choices{};  // kChoice only
};

// A number that only the running kernel knows, handed to the BPF code as a u32 constant.
struct KernelConstant {
  std::string_view symbol;
  std::string_view enum_name;
  std::string_view enumerator;
  std::uint32_t value_if_absent = 0;
};

// An argument that a tracepoint or a function has only on some kernels; `symbol` is a bool constant of the BPF code.
struct KernelArgument {
  std::string_view symbol;
  unsigned index = 0;  // from 0
};

enum class HookKind {
  kTracepoint,    // runs on each event
  kFunctionExit,  // runs when a function of the kernel returns; where the kernel refuses that, no probe fails for it
  kCgroupEgress,  // runs for each packet that a socket sends, at the root of the cgroup2 hierarchy
  kSampling,      // runs over all flow states, at every reading
  kSeeding,       // runs over all open files, once, before the events are attached
};

// Who wants the hook, besides the probes that listen on it.
enum class HookNeed {
  kListeners,  // nobody
  kAlways,
  kOwners,  // groupings of connections by process or pid
};

// A BPF program: where it attaches, and what it needs of the kernel there.
struct HookDescriptor {
  std::string_view program;  // name in the BPF object
  std::string_view target;   // BTF-enabled tracepoint, or function; of other kinds what runs it, for people
  unsigned arguments = 0;    // fewest arguments a tracepoint or a function can have
  std::vector<KernelArgument> optional_arguments{};
  HookKind kind = HookKind::kTracepoint;
  HookNeed need = HookNeed::kListeners;
};

// Names that only the running kernel knows. Implemented over its BTF by adapters/bpf.
class KernelNames {
 public:
  virtual ~KernelNames() = default;
  // Enumerators of `enum name` with their values, in the kernel's order; empty when the kernel has no such enum.
  [[nodiscard]] virtual std::vector<std::pair<std::string, std::uint32_t>> enumerators(std::string_view name) const = 0;
  // Whether `struct type` has the field, itself or in an unnamed struct or union inside it.
  [[nodiscard]] virtual bool has_field(std::string_view type, std::string_view field) const = 0;
};

// One series of a map: which element it is, and the labels it carries.
struct Cell {
  std::uint32_t index = 0;            // of the element among those of one group
  std::vector<std::string> labels{};  // in the order of MetricSpec::labels
  // Counted, and so shown, only when the knob `only_with` (its symbol) has one of these bits; always when it is empty.
  std::string_view only_with{};
  std::uint64_t only_with_bits = 0;
};

enum class SourceKind {
  kCounters,    // an array of u64 counters; of a metric in seconds they count nanoseconds, of a ratio 2^-20
  kSampled,     // likewise, counted anew by each sampling: a gauge
  kHistograms,  // an array of struct tcpperf_histogram
  kTcpStates,   // the count of sockets per TCP state, from sock_diag; the cells' index is the state
  kNumbers,     // what the daemon reads or computes itself, in the metric's unit; what is unknown has no series
};

// What is counted per socket can be told apart by groups.
constexpr bool can_be_grouped(SourceKind kind) {
  return kind != SourceKind::kTcpStates && kind != SourceKind::kNumbers;
}

struct MetricSource {
  SourceKind kind = SourceKind::kCounters;
  std::string_view map;  // name of the BPF map; of kNumbers that of their table; empty for kTcpStates
  // Without cells there is no such number on this kernel: the metric is missing.
  std::vector<Cell> (*cells)(const KernelNames& kernel) = nullptr;
};

struct MetricDef {
  MetricSpec spec;
  MetricSource source;
};

// Which series of a metric: those whose label `label` has (or, negated, has not) the value `value`, for all matches.
struct LabelMatch {
  std::string_view label;
  std::string_view value;
  bool negated = false;
};
struct SeriesSelector {
  std::string_view metric;
  std::vector<LabelMatch> matches{};
};

enum class SignalKind {
  kQuantile,  // of the histogram `numerator`, over the window
  kRate,      // of the counter `numerator` per second, over the window
  kRatio,     // increase of `numerator` / increase of `denominator`, over the window
  kShare,     // increase of `numerator` / (increase of `numerator` + increase of `denominator`), over the window
  kGauge,     // the sum of `numerator` now, or its greatest value (MetricSpec::greatest)
  kSumRate,   // of the sum of the histogram `numerator` per second, over the window
};

// A named number that an alert's condition may use. Made from the difference of two snapshots.
struct SignalSpec {
  std::string_view name;
  std::string_view help;
  SignalKind kind = SignalKind::kRate;
  Unit unit = Unit::kNone;  // of the signal's value; a rate is per second of this
  double q = 0;             // kQuantile only
  SeriesSelector numerator{};
  SeriesSelector denominator{};  // kRatio; kShare: the rest
};

struct ProbeDescriptor {
  std::string_view name;           // YAML key, `probe` label, file stem
  std::string_view summary;        // the question it answers, one sentence
  std::string_view enable_symbol;  // bool constant in the BPF object's read-only data; empty: no BPF code, no hooks
  bool of_listeners = false;       // its groups are of listeners; a connection is in the group of its listener
  std::vector<HookUse> hooks{};
  std::vector<KernelConstant> constants{};
  std::vector<KnobSpec> knobs{};
  std::vector<MetricDef> metrics{};
  std::vector<SignalSpec> signals{};
  bool grouped = true;  // false: none of its metrics can be, and the configuration has no group_by for it
};

// All probes, in the order of probes.def. Elements have static storage duration.
using ProbeTable = std::span<const ProbeDescriptor* const>;
using HookTable = std::span<const HookDescriptor>;

}  // namespace tcpperf::core

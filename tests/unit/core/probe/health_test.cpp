// The verdict on a probe, from values.
#include "core/probe/health.h"

#include "catch.h"

namespace {

using namespace tcpperf::core;

ProbeDescriptor probe_with(std::vector<HookUse> hooks) {
  ProbeDescriptor probe;
  probe.name = "x";
  probe.hooks = std::move(hooks);
  return probe;
}

const HookState kAttached{"on_a", HookOutcome::kAttached, ""};

}  // namespace

TEST_CASE("a probe that is switched off is disabled, whatever its hooks are", "[health]") {
  CHECK(judge_probe(probe_with({{"on_a"}}), false, "", {}).status == ProbeStatus::kDisabled);
}

TEST_CASE("a probe with all hooks attached is ok", "[health]") {
  const ProbeHealth health = judge_probe(probe_with({{"on_a"}}), true, "", {kAttached});
  CHECK(health.status == ProbeStatus::kOk);
  CHECK(health.reason.empty());
}

TEST_CASE("a missing tracepoint makes a probe unsupported, a refusal makes it failed", "[health]") {
  const ProbeDescriptor probe = probe_with({{"on_a"}});
  const ProbeHealth missing = judge_probe(probe, true, "", {{"on_a", HookOutcome::kMissing, "no tracepoint a"}});
  CHECK(missing.status == ProbeStatus::kUnsupported);
  CHECK(missing.reason == "no tracepoint a");
  CHECK(judge_probe(probe, true, "", {{"on_a", HookOutcome::kRefused, "busy"}}).status == ProbeStatus::kFailed);
  CHECK(judge_probe(probe, true, "verifier", {kAttached}).status == ProbeStatus::kFailed);
  CHECK(judge_probe(probe, true, "verifier", {kAttached}).reason == "verifier");
  CHECK(judge_probe(probe, true, "", {}).status == ProbeStatus::kUnsupported);
}

TEST_CASE("without an optional hook a probe is degraded and says what is missing", "[health]") {
  const ProbeDescriptor probe = probe_with({{"on_a"}, {"on_b", false, "the last sample"}});
  const ProbeHealth health = judge_probe(probe, true, "", {kAttached, {"on_b", HookOutcome::kMissing, "no b"}});
  CHECK(health.status == ProbeStatus::kDegraded);
  CHECK(health.reason == "without the last sample: no b");
}

TEST_CASE("a probe of optional hooks alone needs at least one of them", "[health]") {
  const ProbeDescriptor probe = probe_with({{"on_a", false, "a"}, {"on_b", false, "b"}});
  CHECK(judge_probe(probe, true, "", {kAttached, {"on_b", HookOutcome::kMissing, "?"}}).status ==
        ProbeStatus::kDegraded);
  CHECK(judge_probe(probe, true, "", {{"on_a", HookOutcome::kMissing, "?"}, {"on_b", HookOutcome::kMissing, "?"}})
            .status == ProbeStatus::kUnsupported);
  CHECK(judge_probe(probe, true, "", {{"on_a", HookOutcome::kRefused, "?"}, {"on_b", HookOutcome::kMissing, "?"}})
            .status == ProbeStatus::kFailed);
}

TEST_CASE("a probe is degraded while connections are sampled when scaling does not make that good", "[health]") {
  const ProbeDescriptor probe = probe_with({{.program = "on_a", .thinned = "ends are found late"}});
  CHECK(judge_probe(probe, true, "", {kAttached}).status == ProbeStatus::kOk);
  const ProbeHealth sampled = judge_probe(probe, true, "", {kAttached}, {}, true);
  CHECK(sampled.status == ProbeStatus::kDegraded);
  CHECK(sampled.reason == "to stay within cpu_budget, ends are found late");
  CHECK(judge_probe(probe_with({{"on_a"}}), true, "", {kAttached}, {}, true).status == ProbeStatus::kOk);
}

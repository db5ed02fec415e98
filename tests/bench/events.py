"""What an event costs. Programs are timed by the kernel (bpf_stats) while connections exchange small messages over
loopback, so that there are many segments; beside them, on the same events, a program that does nothing, whose time is
the timing's own, and a rival. Two connections have all they need in the caches, and hundreds of segments each in the
time between two looks; of 500, each segment finds its connection cold, and is looked at in full. Being called is not in
those times: it is taken from how much longer an exchange takes with many empty programs attached."""
import contextlib

from measure import interleave, say, spread, table
from place import ALL, SHIPPED, bpftrace, daemon, empty_programs, harness, traffic
from programs import programs_of

RIVAL = "tracepoint:tcp:tcp_probe { @ = hist(args->srtt); }"
INSTRUCTION_BYTES = 8
SECONDS = 2
FLOWS, MANY_FLOWS = 2, 500
EMPTY = 32  # programs; so many that what they add is more than the machine's moods


class Stats:
    """Kernel timing of BPF programs, while it is open."""

    def __init__(self):
        self._cleanups = contextlib.ExitStack()

    def addCleanup(self, function, *arguments):  # as unittest names it
        self._cleanups.callback(function, *arguments)

    def __enter__(self):
        harness.measure_bpf_programs(self)
        return self

    def __exit__(self, *_):
        self._cleanups.close()


def ns_by_program(pid):
    return {name: {"ns": info.run_time_ns / info.run_cnt, "runs": info.run_cnt,
                   "instructions": info.xlated_prog_len // INSTRUCTION_BYTES}
            for name, info in programs_of(pid).items() if info.run_cnt}


def timed(config, flows=FLOWS):
    """Of one daemon with this configuration: its programs, and the two beside it."""
    def measure():
        with Stats(), daemon(config) as running, empty_programs(1) as empty, bpftrace(RIVAL) as rival:
            traffic("request", flows, SECONDS)
            return {"programs": ns_by_program(running.pid),
                    "empty": next(iter(ns_by_program(empty.pid).values())),
                    "rival": next(iter(ns_by_program(rival.pid).values()))}
    return measure


def alone(probe, **settings):
    return harness.quiet_config(group_by=["service_port", "role"], alerts=[],
                                probes={name: {"enabled": name == probe} | (settings if name == probe else {})
                                        for name in harness.PROBES})


def call_ns():
    """What it costs to be called and to do nothing, without timing: from the time of an exchange, of which each end
    sees the other's segment, with and without many empty programs. Its events per exchange are counted by timing."""
    with Stats(), empty_programs(1) as empty:
        done = traffic("request", 1, SECONDS, cpus="0")
        events = next(iter(ns_by_program(empty.pid).values()))["runs"] / done["operations"]

    def exchanges(count):
        def measure():
            with contextlib.ExitStack() as stack:
                if count:
                    stack.enter_context(empty_programs(count))
                return {"ns": 1e9 / traffic("request", 1, SECONDS, cpus="0")["per_second"]}
        return measure
    rounds = interleave({"no programs": exchanges(0), f"{EMPTY} empty programs": exchanges(EMPTY)}, 7)
    return spread([(r[f"{EMPTY} empty programs"]["ns"] - r["no programs"]["ns"]) / EMPTY / events for r in rounds])


def run(rounds, _quick):
    variants = {"as shipped": timed(SHIPPED), f"as shipped, {MANY_FLOWS} connections": timed(SHIPPED, MANY_FLOWS),
                "all probes, every RTT": timed(ALL),
                "`rtt` alone, a sample per ms": timed(alone("rtt", sample_interval="1ms")),
                "`rtt` alone, every sample": timed(alone("rtt"))}
    done = interleave(variants, rounds)
    called = call_ns()
    rows, found = [], {"call_ns": called.__dict__, "variants": {}}

    def own(result, program):
        return program["ns"] - result["empty"]["ns"]
    for name in variants:
        results = [r[name] for r in done]
        hot = [r["programs"]["on_ack"] for r in results if "on_ack" in r["programs"]]
        rival = spread([own(r, r["rival"]) for r in results])
        rate = spread([r["empty"]["runs"] / SECONDS for r in results])
        net = spread([own(r, r["programs"]["on_ack"]) for r in results])
        ratio = spread([own(r, r["programs"]["on_ack"]) / own(r, r["rival"]) for r in results])
        rows.append([name, hot[0]["instructions"], f"{rate.median:,.0f}", net.text("{:.0f}"), rival.text("{:.0f}"),
                     ratio.text("{:.2f}")])
        found["variants"][name] = {"net_ns": net.__dict__, "rival_net_ns": rival.__dict__, "ratio": ratio.__dict__,
                                   "instructions": hot[0]["instructions"], "events_per_second": rate.median,
                                   "programs": results[-1]["programs"]}
    say(f"being called costs {called.text('{:.0f}')} ns")
    text = table(f"Per segment of {FLOWS} connections, in ns net of an empty program on the same event (tcp_probe); "
                 f"the rival is bpftrace's `{RIVAL}`. Being called adds {called.text('{:.0f}')} ns to each program.",
                 ["", "instructions", "events/s", "tcpperf, ns", "rival, ns", "ratio"], rows)
    return text, found

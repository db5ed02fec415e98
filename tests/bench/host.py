"""What the whole host pays: throughput, latencies and processor time of fixed kinds of traffic without anything, with the
daemon as shipped and with everything it has, and with one line of bpftrace."""
import contextlib
import os
import time

from events import RIVAL
from measure import interleave, ratios, spread, table
from place import ALL, SHIPPED, bpftrace, cpu_seconds, daemon, softirq_seconds, traffic

WORKLOADS = {"iperf3, 1 flow": ("iperf3", 1), "bulk, 1 flow": ("bulk", 1), "bulk, 16 flows": ("bulk", 16), "request/response, 2 flows": ("request", 2),
             "connect/close, 2 flows": ("connect", 2)}
SECONDS = 2
BASE = "nothing"


def busy_seconds():
    """Of all processes and interrupts, on all CPUs."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(word) for word in file.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def measure_with(started):
    """All workloads while something runs. `started` makes a context manager that yields a process, or None."""
    def measure():
        numbers = {}
        with started() as running:
            traffic("request", 1, 0.5)
            for name, (kind, flows) in WORKLOADS.items():
                softirq, own = softirq_seconds(), cpu_seconds(running.pid) if running else 0
                busy, begun = busy_seconds(), time.monotonic()
                done = traffic(kind, flows, SECONDS)
                took = time.monotonic() - begun
                numbers[name, "per_second"] = done["per_second"]
                numbers[name, "p50_us"], numbers[name, "p99_us"] = done.get("p50_us"), done.get("p99_us")
                numbers[name, "busy"] = (busy_seconds() - busy) / done["operations"]
                numbers[name, "softirq"] = (softirq_seconds() - softirq) / took
                numbers[name, "process"] = ((cpu_seconds(running.pid) if running else 0) - own) / took
        return numbers
    return measure


def run(rounds, quick):
    variants = {BASE: measure_with(contextlib.nullcontext), "shipped": measure_with(lambda: daemon(SHIPPED))}
    if not quick:
        variants["all probes, every RTT"] = measure_with(lambda: daemon(ALL))
        variants["bpftrace"] = measure_with(lambda: bpftrace(RIVAL))
    done = interleave(variants, rounds)
    rows, found = [], {}
    for workload in WORKLOADS:
        for variant in variants:
            timed = [] if WORKLOADS[workload][0] == "iperf3" else ["p50_us", "p99_us"]
            numbers = {key: spread([r[variant][workload, key] for r in done])
                       for key in ("per_second", *timed, "softirq", "process")}
            compared = {key: ratios(done, variant, BASE, (workload, key)) for key in ("per_second", *timed, "busy")}
            found[f"{workload}; {variant}"] = {key: value.__dict__ for key, value in numbers.items()} | {
                f"{key}_ratio": value.__dict__ for key, value in compared.items()}
            if variant == BASE:
                rate = numbers["per_second"].median
                unit = f"{rate * 8 / 1e9:.1f} Gbit/s" if WORKLOADS[workload][0] in ("bulk", "iperf3") else f"{rate:,.0f} /s"
                rows.append([f"{workload}: {variant}", unit,
                             *(f"{numbers[key].median:.1f} us" if key in numbers else "" for key in ("p50_us", "p99_us")),
                             "", f"{numbers['softirq'].median:.2f}", ""])
            else:
                rows.append([f"{workload}: {variant}",
                             *(compared[key].text("{:.3f}") if key in compared else ""
                               for key in ("per_second", "p50_us", "p99_us", "busy")),
                             f"{numbers['softirq'].median:.2f}", f"{numbers['process'].median * 100:.2f} %"])
    return table(f"The whole host: {rounds} rounds of {SECONDS} s each; below the numbers of a host with nothing, ratios to "
                 "them within a round: median (lowest to highest). CPU per operation is of all CPUs.",
                 ["", "throughput", "p50", "p99", "CPU per operation", "softirq, CPUs", "process, of a CPU"], rows), found

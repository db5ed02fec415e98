"""What traffic loses by what is attached: fixed kinds of traffic that go on all the time, on one CPU that does nothing
else, while the daemon, or a rival, comes and goes on another. What is measured with it is compared with what was just
before and just after: the machine's moods are slower than that."""
import contextlib
import os
import statistics
import time

from events import RIVAL
from measure import say, spread, table
from place import ALL, SHIPPED, Iperf3, Traffic, bpftrace, cpu_seconds, daemon, empty_programs, softirq_seconds

WORKLOADS = {"iperf3, 1 flow": lambda cpu: Iperf3(1, cpu), "bulk, 1 flow": lambda cpu: Traffic("bulk", 1, cpu),
             "bulk, 16 flows": lambda cpu: Traffic("bulk", 16, cpu),
             "request/response, 1 flow": lambda cpu: Traffic("request", 1, cpu),
             "connect/close, 1 flow": lambda cpu: Traffic("connect", 1, cpu)}
TRAFFIC_CPU, OTHER_CPU = "0", 1
SECONDS, SETTLE_SECONDS = 0.7, 0.25
WINDOWS_OF_ROUND = 2
RATIOS = ("per_second", "p50_us", "p99_us")


def measure(traffic, started):
    """Ratios of a window with it to those beside."""
    def window():
        time.sleep(SETTLE_SECONDS)
        return traffic.window(SECONDS)
    before = window()
    with started() as running:
        softirq, own, begun = softirq_seconds(), cpu_seconds(running.pid) if running else 0, time.monotonic()
        during = window()
        took = time.monotonic() - begun
        softirq = (softirq_seconds() - softirq) / took
        own = (cpu_seconds(running.pid) - own) / took if running else 0
    after = window()
    found = {f"{key}_ratio": 2 * during[key] / (before[key] + after[key]) for key in RATIOS if key in during}
    return found | {key: before[key] for key in RATIOS if key in before} | {"softirq": softirq, "process": own}


def run(rounds, quick):
    variants = {"nothing": contextlib.nullcontext, "shipped": lambda: daemon(SHIPPED)}
    if not quick:
        variants |= {"all probes, every RTT": lambda: daemon(ALL), "an empty program": lambda: empty_programs(1),
                     "bpftrace": lambda: bpftrace(RIVAL)}
    os.sched_setaffinity(0, {OTHER_CPU})  # and whatever is started from here on
    rows, found = [], {}
    for workload, start in WORKLOADS.items():
        results = {name: [] for name in variants}
        with start(TRAFFIC_CPU) as traffic:
            time.sleep(1)
            for number in range(rounds * WINDOWS_OF_ROUND):
                say(f"{workload}: {number + 1} of {rounds * WINDOWS_OF_ROUND}")
                for name in list(variants)[::1 if number % 2 == 0 else -1]:
                    results[name].append(measure(traffic, variants[name]))
        base = {key: spread([r[key] for rs in results.values() for r in rs]) for key in RATIOS
                if key in results["nothing"][0]}
        rate = base["per_second"].median
        unit = f"{rate:,.0f} /s" if "/" in workload else f"{rate * 8 / 1e9:.1f} Gbit/s"
        rows.append([workload, unit, *(f"{base[key].median:.1f} us" if key in base else "" for key in RATIOS[1:]), "",
                     ""])
        for name, measured in results.items():
            numbers = {key: spread([m[key] for m in measured]) for key in measured[0]}
            found[f"{workload}; {name}"] = {key: value.__dict__ for key, value in numbers.items()}
            ratios = (numbers.get(f"{key}_ratio") for key in RATIOS)
            rows.append([f"{workload}: {name}",
                         *("" if ratio is None else ratio.quartiles("{:.3f}") for ratio in ratios),
                         f"{numbers['softirq'].median:.2f}",
                         f"{statistics.fmean(m['process'] for m in measured) * 100:.2f} %"])
    os.sched_setaffinity(0, range(os.cpu_count()))
    return table(f"One CPU with nothing but traffic: {rounds * WINDOWS_OF_ROUND} windows of {SECONDS} s each; the "
                 "first line of each kind has its numbers, the others ratios to the windows before and after, in which "
                 "nothing is attached: median (quartiles). Of the process the mean: most windows have no tick.",
                 ["", "throughput", "p50", "p99", "softirq, CPUs", "process, of a CPU"], rows), found

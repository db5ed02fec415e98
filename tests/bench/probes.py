"""What each probe costs on its own, and what the tools cost that people would take instead, by the kernel's timing of
their programs (bpf_stats): per segment, while two flows exchange small messages over loopback, and per connection,
while two clients connect, exchange one byte and close. Net of the timing's own time, which an empty program shows.
Programs that read sockets, one by one, when somebody asks (the sampling) are apart: they do not run because of
traffic."""
import contextlib
import subprocess
import time

from events import RIVAL, Stats, alone
from measure import interleave, spread, table
from place import ALL, SHIPPED, bpftrace, daemon, empty_programs, harness, traffic
from programs import programs_by_id

SECONDS = 1
ATTACH_SECONDS = 30
INSTRUCTION_BYTES = 8
SAMPLING = {"on_sample", "on_seed"}
STATE_RIVAL = "tracepoint:sock:inet_sock_set_state { @[args->newstate] = count(); }"
# libbpf-tools and bcc, whose programs hang on functions or on tracepoints.
TOOLS = ("tcprtt", "tcplife", "tcpstates", "tcpconnlat", "tcptop", "tcprtt-bpfcc", "tcplife-bpfcc", "tcpstates-bpfcc",
         "tcpconnlat-bpfcc", "tcpretrans-bpfcc", "tcpdrop-bpfcc")


@contextlib.contextmanager
def tool(name):
    """A running tool, or None where its programs cannot be attached here."""
    with subprocess.Popen([harness.tool(name)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + ATTACH_SECONDS
            while process.poll() is None and not programs_by_id(process.pid) and time.monotonic() < end:
                time.sleep(0.2)
            time.sleep(2)  # from loaded to attached
            yield process if process.poll() is None and programs_by_id(process.pid) else None
        finally:
            process.terminate()


def taken(pid):
    """Of the programs of a process by their names: nanoseconds, and runs."""
    totals = {}
    for info in programs_by_id(pid).values():
        ns, runs = totals.get(info.name.decode(), (0, 0))
        totals[info.name.decode()] = (ns + info.run_time_ns, runs + info.run_cnt)
    return totals


def difference(after, before):
    return {name: tuple(a - b for a, b in zip(after[name], before.get(name, (0, 0)))) for name in after}


def while_running(empty, running, kind):
    """Of one kind of traffic: what was done, and per program (ns net of the timing, runs)."""
    before, empty_before = taken(running.pid), taken(empty.pid)
    done = traffic(kind, 2, SECONDS)
    (empty_ns, empty_runs), = difference(taken(empty.pid), empty_before).values()
    own = empty_ns / empty_runs
    return done["operations"], empty_runs, {name: (ns - runs * own, runs) for name, (ns, runs) in
                                            difference(taken(running.pid), before).items()}


def timed(started):
    def measure():
        with Stats(), started() as running, empty_programs(1) as empty:
            if running is None:
                return {}
            infos = programs_by_id(running.pid).values()
            _, segments, during = while_running(empty, running, "request")
            per_segment = sum(ns for name, (ns, _) in during.items() if name not in SAMPLING) / segments
            connections, _, during = while_running(empty, running, "connect")
            ns, runs = (sum(column) for column in zip((0, 0), *(found for name, found in during.items()
                                                                  if name not in SAMPLING)))
            sampled = during.get("on_sample", (0, 0))
            return {"instructions": sum(info.xlated_prog_len for info in infos
                                        if info.name.decode() not in SAMPLING) // INSTRUCTION_BYTES,
                    "segment_ns": per_segment, "connection_ns": ns / connections, "calls": runs / connections,
                    "sample_ns": sampled[0] / sampled[1] if sampled[1] else 0}
    return measure


def run(rounds, quick):
    names = ("rtt", "life") if quick else harness.PROBES
    variants = {"as shipped": timed(lambda: daemon(SHIPPED)), "all probes, every RTT": timed(lambda: daemon(ALL)),
                **{f"`{probe}` alone": timed(lambda probe=probe: daemon(alone(probe))) for probe in names},
                f"bpftrace `{RIVAL}`": timed(lambda: bpftrace(RIVAL)),
                f"bpftrace `{STATE_RIVAL}`": timed(lambda: bpftrace(STATE_RIVAL)),
                **{name: timed(lambda name=name: tool(name)) for name in (TOOLS[1:3] if quick else TOOLS)}}
    done = interleave(variants, min(rounds, 3))
    rows, found = [], {}
    for name in variants:
        results = [r[name] for r in done if r[name]]
        if not results:
            found[name] = None
            continue
        numbers = {key: spread([result[key] for result in results]) for key in results[0]}
        found[name] = {key: value.__dict__ for key, value in numbers.items()}
        rows.append([name, f"{numbers['instructions'].median:,.0f}", numbers["segment_ns"].text("{:.0f}"),
                     numbers["connection_ns"].text("{:,.0f}"), f"{numbers['calls'].median:.1f}",
                     f"{numbers['sample_ns'].median:,.0f}" if numbers["sample_ns"].median else ""])
    absent = [name for name in variants if found[name] is None]
    text = table("Each probe on its own (grouped by `service_port` and `role`), and what others take: all programs "
                 "together, net of the timing, which would be more than some of them; per segment, per connection with "
                 "all its segments, and per socket that is read.",
                 ["", "instructions", "ns per segment", "ns per connection", "calls per connection", "ns per socket"],
                 rows)
    if absent:
        text += f"\n\nNot attached on this kernel: {', '.join(absent)}."
    return text, found

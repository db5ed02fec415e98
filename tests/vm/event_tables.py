"""The tables of parity_events.py. A cell of a tool is a count, or what kept it from running."""
import collections

import event_tools
from comparison import number, of_rows, table
from events_workload import CONNECTIONS, LISTENERS, LOSS, STATES
from tools import BCC, NEW, OLD

PACKAGES = (OLD, NEW, BCC)
# The flow that tcp_perf_observer is asked for by its port.
OBSERVED = LOSS[1]
BEGIN = {"client": [("close", "syn_sent"), ("syn_sent", "established")],
         "server": [("listen", "syn_recv"), ("syn_recv", "established")]}
FIRST = [("established", "fin_wait1"), ("fin_wait1", "fin_wait2"), ("fin_wait2", "close")]
LAST = [("established", "close_wait"), ("close_wait", "last_ack"), ("last_ack", "close")]
TOGETHER = [("established", "fin_wait1"), ("fin_wait1", "closing"), ("closing", "close")]
BROKEN = [("established", "close")]
NEVER = [("close", "syn_sent"), ("syn_sent", "close")]
# What a connection of the flow passes through on each side.
EXPECTED = {
    "client": {"client": BEGIN["client"] + FIRST, "server": BEGIN["server"] + LAST},
    "ipv6": {"client": BEGIN["client"] + FIRST, "server": BEGIN["server"] + LAST},
    "server": {"client": BEGIN["client"] + LAST, "server": BEGIN["server"] + FIRST},
    "both": {"client": BEGIN["client"] + TOGETHER, "server": BEGIN["server"] + TOGETHER},
    "reset": {"client": BEGIN["client"] + BROKEN, "server": BEGIN["server"] + BROKEN},
    "refused": {"client": NEVER, "server": []},
    "silent": {"client": NEVER, "server": []},
}
# Kind of a retransmission -> the kernel's counter that comes nearest. SYNs are of the client, SYN-ACKs of the server.
KERNEL_KINDS = {"syn": "TCPSynRetrans", "synack": "TCPSynRetrans", "fast": "TCPFastRetrans",
                "loss_recovery": "TCPSlowStartRetrans", "tlp": "TCPLossProbes", "rto": "TCPTimeouts", "other": None}


def port_of(row, side):
    return row.remote_port if side == "client" else row.local_port


def labels_of(flow, side):
    return {"service_port": str(flow.port), "role": side}


# ---- tcpstates -------------------------------------------------------------------------------------------------------

def transitions_table(run):
    rows = []
    for side in ("client", "server"):
        expected = collections.Counter()
        for flow in STATES:
            for change in EXPECTED[flow.name][side]:
                expected[change] += flow.connections
        expected["closing", "closing"] = 0  # how the kernel shows close() of a socket that has sent its FIN
        for old, new in expected:
            flows = [flow for flow in STATES if (old, new) in EXPECTED[flow.name][side]] or STATES
            ports = {flow.port for flow in flows}

            def of_change(row, side=side, old=old, new=new, ports=ports):
                return (row.old, row.new) == (old, new) and port_of(row, side) in ports
            ours = [run.ours.increase("tcpperf_state_transitions_total", **{"from": old, "to": new},
                                      **labels_of(flow, side)) for flow in flows]
            rows.append([side, f"{old} to {new}", expected[old, new],
                         *(of_rows(run.tool("tcpstates", package), of_change, len) for package in PACKAGES),
                         number(None if None in ours else sum(ours))])
    table("tcpstates: changes of state", ["Side", "Change", "By what the application did", *PACKAGES, "tcpperfd"], rows)


def filters_table(run):
    """Rows of the flow `client` with a filter by its port, and without."""
    rows, flow = [], STATES[0]
    for side, option in (("server", "-L"), ("client", "-D")):
        for old, new in EXPECTED[flow.name][side]:
            def of_change(row, side=side, old=old, new=new):
                return (row.old, row.new) == (old, new) and port_of(row, side) == flow.port

            def count(found):
                return f"{len(found)}, {mean_ms(found)}"
            cells = []
            for package in (OLD, NEW):
                cells += [of_rows(run.tool("tcpstates", package), of_change, count),
                          of_rows(run.tool("tcpstates", package, option, str(flow.port)), of_change, count)]
            rows.append([f"{side}, {option} {flow.port}", f"{old} to {new}", flow.connections, *cells])
    table("tcpstates with a filter: rows, mean ms", ["Side", "Change", "True", f"{OLD}", f"{OLD}, filter", f"{NEW}",
                                                     f"{NEW}, filter"], rows)


def mean_ms(found):
    return f"{sum(row.ms for row in found) / len(found):,.1f} ms" if found else "-"


def dwell_table(run):
    rows = []
    for flow in STATES:
        for side in ("client", "server"):
            for state in dict.fromkeys(old for old, _ in EXPECTED[flow.name][side]):
                def in_state(row, side=side, state=state, flow=flow):
                    return row.old == state and port_of(row, side) == flow.port

                def cell(found):
                    return f"{len(found)}, {mean_ms(found)}"
                ours = run.ours.histogram("tcpperf_state_seconds", state=state, **labels_of(flow, side))
                rows.append([f"{flow.name}: {flow.about}", side, state,
                             *(of_rows(run.tool("tcpstates", package), in_state, cell) for package in PACKAGES),
                             "-" if ours is None or not ours.count else f"{ours.count}, {ours.mean * 1000:,.1f} ms"])
    table("tcpstates: rows that leave a state, mean time in it", ["Flow", "Side", "State", *PACKAGES, "tcpperfd"], rows)


def owners_table(run):
    rows = []
    for flow in STATES:
        for side, process in (("client", run.client), ("server", run.server)):
            changes = len(EXPECTED[flow.name][side]) * flow.connections
            if not changes:
                continue

            def right(found, process=process):
                wrong = collections.Counter(row.comm for row in found if row.pid != process.pid)
                return f"{sum(row.pid == process.pid for row in found)} of {len(found)}" + (
                    "; else " + ", ".join(f"{comm} {count}" for comm, count in wrong.most_common(3)) if wrong else "")

            def of_side(row, side=side, flow=flow):
                return port_of(row, side) == flow.port and row.old != "listen" and row.new != "listen"
            ours = run.ours.increase("tcpperf_state_transitions_total", pid=str(process.pid), **labels_of(flow, side))
            rows.append([flow.name, side, changes,
                         *(of_rows(run.tool("tcpstates", package), of_side, right) for package in PACKAGES),
                         number(ours)])
    table("tcpstates: rows with the right process; rows that leave listen are not counted, tcpperfd's are",
          ["Flow", "Side", "Changes", *PACKAGES, "tcpperfd: changes with it"], rows)


# ---- tcpretrans ------------------------------------------------------------------------------------------------------

def retransmission_runs(run):
    """Title and tool of each."""
    runs = [("tcpretrans.bt", run.tool("tcpretrans", event_tools.BPFTRACE))]
    for options in event_tools.RETRANSMIT_RUNS:
        runs.append((" ".join(("tcpretrans-bpfcc", *options)), run.tool("tcpretrans", BCC, *options)))
    return runs


def kinds_of(run, **labels):
    return {kind: run.ours.increase("tcpperf_retransmitted_segments_total", kind=kind, **labels)
            for kind in KERNEL_KINDS}


def retransmissions_table(run):
    runs = retransmission_runs(run)
    rows = []
    for flow in (*LOSS, next(flow for flow in STATES if flow.name == "silent")):
        for side in ("client", "server"):
            def count(found):
                kinds = collections.Counter()
                for row in found:
                    kinds[row.kind] += row.count
                return f"R {kinds['R']}" + (f", L {kinds['L']}" if kinds["L"] else "")

            def of_side(row, side=side, flow=flow):
                return port_of(row, side) == flow.port
            ours = {kind: value for kind, value in kinds_of(run, **labels_of(flow, side)).items() if value}
            truth = run.did[flow.name].retransmitted if side == "client" and flow.name != "silent" else "-"
            rows.append([f"{flow.name}: {flow.about}", side, truth,
                         *(of_rows(tool, of_side, count) for _, tool in runs),
                         f"{sum(ours.values()):,.0f}: " + ", ".join(f"{kind} {value:,.0f}"
                                                                    for kind, value in ours.items())])
    table("tcpretrans: segments sent again", ["Flow", "Sender", "Application (tcpi_total_retrans)",
                                              *(title for title, _ in runs), "tcpperfd"], rows)
    print(f"\nPackets lost by the rules, in their order: {run.dropped}")


def kernel_table(run):
    rows = []
    for kind, name in (*KERNEL_KINDS.items(), ("all", "RetransSegs")):
        cells = []
        for role in ("client", "server"):
            kinds = {} if kind == "all" else {"kind": kind}
            cells += [number(run.ours.increase("tcpperf_retransmitted_segments_total", role=role, **kinds)),
                      f"{run.kernel[role][name]:,}" if name else "-"]
        rows.append([kind, name or "-", *cells])
    table("tcpperfd: segments sent again, and the kernel's own counters",
          ["Kind", "Kernel's counter", "client: tcpperfd", "kernel", "server: tcpperfd", "kernel"], rows)


# ---- tcpsynbl --------------------------------------------------------------------------------------------------------

def listeners_table(run):
    rows = []
    for flow in LISTENERS:
        did = run.did[flow.name]
        waited = f"{min(did.waited_seconds):,.2f}..{max(did.waited_seconds):,.2f} s" if did.waited_seconds else "-"
        labels = {"local_port": str(flow.port)}
        queued = {words: run.queued.now(f"tcpperf_listener_{name}", **labels) for words, name in (
            ("waiting", "accept_queue_connections"), ("limit", "accept_queue_limit_connections"),
            ("highest", "accept_queue_highest_connections"))}
        drops = run.ours.increase("tcpperf_listener_drops_total", **labels)
        wait = run.ours.histogram("tcpperf_listener_accept_wait_seconds", **labels)
        rows.append([f"{flow.name}: {flow.about}",
                     f"{did.connections} waited {waited}, {sum(did.failed.values())} found no room",
                     *(listener_cell(run.tool("tcpsynbl", package), flow.backlog) for package in PACKAGES),
                     "not there" if None in queued.values() else
                     ", ".join(f"{words} {number(value)}" for words, value in queued.items()), number(drops),
                     "not there" if wait is None else f"{wait.count}, mean {wait.mean or 0:,.2f} s"])
    table("tcpsynbl: its histogram of the listeners with this limit (value: count); ours",
          ["Listener", "Application", *PACKAGES, "queue", "drops", "accept_wait"], rows)
    print(f"\nKernel, server: ListenOverflows {run.kernel['server']['ListenOverflows']}, "
          f"ListenDrops {run.kernel['server']['ListenDrops']}")


def listener_cell(tool, limit):
    if tool is None:
        return "not run"
    if tool.problem:
        return tool.problem
    if limit not in tool.parsed:
        return "no such limit"
    return ", ".join(f"{low}..{high}: {count}" for low, high, count in tool.parsed[limit].buckets if count)


# ---- tcp_perf_observer -----------------------------------------------------------------------------------------------

def histogram_cell(histogram):
    if histogram is None or not histogram.count:
        return "0"
    low, high = histogram.quantile(0.5)
    mean = f", mean {histogram.mean * 1000:,.1f}" if histogram.mean is not None else ""
    return f"{histogram.count:,}{mean}, median in {low * 1000:,.1f}..{high * 1000:,.1f} ms"


def observer_tables(run, observer_runs):
    """What ours says is there for the runs without a filter and with a remote port, which are labels of ours."""
    quantities = []
    asked = {"service_port": str(OBSERVED.port), "role": "client"}
    for options, labels in zip(observer_runs, ({}, asked, None)):
        tool = run.tool("observer", event_tools.EVEROUTE, *options)
        title = " ".join(("tcp_perf_observer", *options))
        if tool is None or tool.problem:
            quantities.append([title, "-", "not run" if tool is None else tool.problem, ""])
            continue
        said = tool.parsed
        quantities.append([title, "RTT", histogram_cell(said.rtt), "" if labels is None else "; smoothed ".join(
            histogram_cell(run.ours.histogram(name, **labels))
            for name in ("tcpperf_rtt_seconds", "tcpperf_smoothed_rtt_seconds"))])
        handshakes = [histogram_cell(run.ours.histogram("tcpperf_handshake_seconds",
                                                        **{**(labels or {}), "role": role}))
                      for role in ("client", "server")]
        quantities.append([title, "handshakes", histogram_cell(said.connect),
                           "" if labels is None else "; server ".join(handshakes)])
        quantities.append([title, "retransmissions", f"{said.retransmissions:,}", "" if labels is None else
                           number(run.ours.increase("tcpperf_retransmitted_segments_total", **labels))])
        drops = run.ours.increase("tcpperf_drops_total", **(labels or {}))
        quantities.append([title, "drops", f"{said.drops:,}", "" if labels is None else number(drops)])
        for state, count in said.states.items():
            ours = [run.ours.increase("tcpperf_state_transitions_total", to=name, **(labels or {}))
                    for name in (("fin_wait1", "fin_wait2") if state == "fin_wait" else (state,))]
            quantities.append([title, f"changes to {state}", f"{count:,}",
                               "" if labels is None else number(sum(value or 0 for value in ours))])
        if said.events:
            quantities.append([title, "events printed", ", ".join(f"{kind} {count}" for kind, count
                                                                  in said.events.items()), ""])
    table("tcp_perf_observer", ["Run", "Quantity", "Tool", "tcpperfd"], quantities)
    made = sum(did.connections for did in run.did.values())
    print(f"\nConnections made by the application: {made}, of them IPv6 {run.did['ipv6'].connections}; "
          f"drops by reason: {reasons(run)}")


def reasons(run):
    found = {}
    for key, value in run.ours.increases("tcpperf_drops_total").items():
        reason = dict(key)["reason"]
        found[reason] = found.get(reason, 0) + value
    return {reason: int(value) for reason, value in found.items() if value}


# ---- beside tcp_connection_analyzer ----------------------------------------------------------------------------------

def limits_table(run):
    """Where the client's time went while tcp_connection_analyzer looked."""
    name = "tcpperf_connection_time_seconds_total"
    limits = sorted({dict(key)["limit"] for key in run.ours.increases(name)})
    rows = []
    for flow in CONNECTIONS:
        seconds = {limit: run.ours.increase(name, limit=limit, **labels_of(flow, "client")) or 0 for limit in limits}
        rows.append([f"{flow.name}: {flow.about}", ", ".join(f"{limit} {value:,.1f} s" for limit, value
                                                             in seconds.items() if value) or "not there"])
    table(name, ["Flow, client", "tcpperfd"], rows)


def print_all(run, observer_runs):
    for flow in (*STATES, *LOSS):
        did = run.did[flow.name]
        print(f"flow {flow.name}: {did.connections} connections, failed {did.failed}, mean connect "
              f"{sum(did.connect_seconds) / max(1, did.connections) * 1000:,.1f} ms")
    transitions_table(run)
    dwell_table(run)
    filters_table(run)
    owners_table(run)
    retransmissions_table(run)
    kernel_table(run)
    listeners_table(run)
    observer_tables(run, observer_runs)
    if run.analyzed:
        limits_table(run)

"""tcp_rtt_inflight_hist.py and tcp_send_rtt_inflight_hist.py of everoute/troubleshooting-tools beside tcpperfd's
windows. No distribution has them; `--inflight FOLDER` is where their files are. Each watches both ends of one flow.
"""
import dataclasses
import re

import tools
from workload import FLOWS

PACKAGE = "everoute"
FLOW = next(flow for flow in FLOWS if flow.name == "eagain")
SCRIPTS = {"rx": "tcp_rtt_inflight_hist.py", "tx": "tcp_send_rtt_inflight_hist.py"}
SIDES = {"client": "--rport", "server": "--lport"}
# What the tools call it -> its metric, how many of the tool's units are one of the metric's.
QUANTITIES = {
    "rtt": ("tcpperf_path_rtt_seconds", 1e6),
    "inflight": ("tcpperf_inflight_segments", 1),
    "cwnd": ("tcpperf_congestion_window_segments", 1),
}


@dataclasses.dataclass
class Said:
    """A tool's totals as it prints them."""
    samples: int
    values: dict  # "rtt_mean" and the like -> text
    retransmitted: int


def parse(lines):
    text = "\n".join(lines)
    totals = re.search(r"^STATS_TOTAL (.*)$", text, re.MULTILINE)
    return Said(samples=int(re.search(r"Total (?:samples|packets sent): (\d+)", text)[1]),
                values=dict(word.split("=") for word in totals[1].split()),
                retransmitted=int(re.search(r"^RETRANS_TOTAL total=(\d+)", text, re.MULTILINE)[1]))


tools.PARSERS["inflight"] = parse


def all_tools(folder):
    return [tools.Tool("inflight", PACKAGE,
                       ("python3", folder / script, "--raw", "--interval", tools.FOREVER, option, str(FLOW.port)),
                       begun=r"^Press Ctrl-C")
            for script in SCRIPTS.values() for option in SIDES.values()]


def rows(run):
    """Side, perspective, quantity; what the tool says of it; what tcpperfd says."""
    found = []
    for side, option in SIDES.items():
        labels = {"service_port": str(FLOW.port), "role": side}
        for perspective, script in SCRIPTS.items():
            tool = next(tool for tool in run.tools
                        if tool.package == PACKAGE and tool.command[1].name == script and option in tool.command)
            for quantity, (metric, scale) in QUANTITIES.items():
                ours = run.ours.histogram(metric, perspective=perspective, **labels)
                said = tool.problem or (f"{tool.parsed.samples:,}, {tool.parsed.values[quantity + '_mean']}, "
                                        f"{tool.parsed.values[quantity + '_p50']}")
                found.append([f"{side}, {perspective}", quantity, said, histogram_text(ours, scale)])
            found.append([f"{side}, {perspective}", "samples; retransmitted",
                          tool.problem or f"{tool.parsed.samples:,}; {tool.parsed.retransmitted:,}",
                          segments_text(run, labels)])
    return found


def histogram_text(histogram, scale):
    if histogram is None or not histogram.count:
        return "not there" if histogram is None else "0"
    low, high = (border * scale for border in histogram.quantile(0.5))
    return f"{histogram.count:,}, {histogram.mean * scale:,.1f}, {low:,.0f}..{high:,.0f}"


def segments_text(run, labels):
    counted = {"sent": "tcpperf_transmitted_segments_total", "with data": "tcpperf_sent_segments_total",
               "retransmitted": "tcpperf_retransmitted_segments_total"}
    found = {words: run.ours.increase(name, **labels) for words, name in counted.items()}
    return "segments " + ", ".join(f"{words} {'not there' if value is None else f'{value:,.0f}'}"
                                   for words, value in found.items())

"""tcp_connection_analyzer.py of everoute/troubleshooting-tools, asked once about connections that are open and idle and
about one whose peer reads slowly, in the client's network namespace; what ss itself says is beside it."""
import dataclasses
import re

from events_workload import CONNECTIONS
from tools import harness


@dataclasses.dataclass
class Said:
    title: str
    text: str


def run_all(folder):
    found = []
    for flow in CONNECTIONS:
        options = ["--role", "client", "--remote-port", str(flow.port), "--show-analysis"]
        for more in ([], ["--all"]):
            output = inside("python3", folder / "tcp_connection_analyzer.py", *options, *more)
            found.append(Said(f"{flow.name} ({flow.connections} connections, {flow.about}): tcp_connection_analyzer.py "
                              + " ".join(options + more), summary(output)))
        found.append(Said(f"{flow.name}: ss", inside("ss", "-tinopm", "state", "established", "dport", "=",
                                                     f":{flow.port}")))
    return found


def inside(*command):
    done = harness.run("ip", "netns", "exec", "client", *command, check=False, seconds=120)
    return done.stdout + done.stderr


def summary(output):
    """Which connections it speaks of, and what it says is wrong with them; some of the numbers it has read."""
    wanted = r"^(Connection|State): |^  (ssthresh|rcv_ssthresh|snd_wnd|process|last\w+|\w+_limited\w*|app_limited|" \
             r"bytes_sent|cwnd|spurious\w*) +:|\[(WARNING|CRITICAL|INFO)\]|^     |^Traceback|Error|No connections"
    return "\n".join(line for line in output.splitlines() if re.search(wanted, line) and "sysctl" not in line)

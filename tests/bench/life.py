"""From exec to READY=1, a reload, a tick, and the memory: of the daemon as shipped, told by systemd's protocol."""
import os
import pathlib
import re
import signal
import socket
import statistics
import tempfile
import time

from measure import say, spread, table
from place import SHIPPED, cpu_seconds, harness, traffic

TICK_SECONDS = 5  # config/tcpperf.yaml


class Notified:
    """Stands for systemd: READY=1 and RELOADING=1, each with when it came."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(30)
        self._socket.bind(self.path)

    def wait(self, word):
        while word not in self._socket.recv(4096).decode():
            pass
        return time.monotonic()

    def close(self):
        self._socket.close()


def memory(pid, key):
    """In MiB."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{key}:\s*(\d+) kB", text, re.M)[1]) / 1024


def reload(daemon, notified):
    begun = time.monotonic()
    daemon.signal(signal.SIGHUP)
    notified.wait("RELOADING=1")
    return (notified.wait("READY=1") - begun) * 1000


def one(folder):
    (folder / "rules").symlink_to(harness.ROOT / "config/rules")
    notified = Notified(folder)
    begun = time.monotonic()
    daemon = harness.Daemon(folder, SHIPPED, environment={"NOTIFY_SOCKET": notified.path})
    try:
        numbers = {"ready_ms": (notified.wait("READY=1") - begun) * 1000}
        traffic("connect", 2, 1)
        numbers["reload_ms"] = reload(daemon, notified)
        daemon.configure(SHIPPED.replace("  local_port: []", "  local_port: [1-65534]"))
        numbers["reload_programs_ms"] = reload(daemon, notified)
        daemon.configure(SHIPPED)
        reload(daemon, notified)
        scrapes = []
        for _ in range(10):
            begun = time.monotonic()
            answer = daemon.ask()
            scrapes.append((time.monotonic() - begun) * 1000)
        numbers["scrape_ms"], numbers["scrape_kb"] = statistics.median(scrapes), len(answer.body) / 1000
        numbers["rss_mib"] = memory(daemon.pid, "VmRSS")
        numbers["peak_mib"] = memory(daemon.pid, "VmHWM")
        before = cpu_seconds(daemon.pid)
        time.sleep(4 * TICK_SECONDS)
        numbers["tick_ms"] = (cpu_seconds(daemon.pid) - before) / 4 * 1000
        return numbers
    finally:
        daemon.end()
        notified.close()


def run(rounds, _quick):
    done = []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}: the daemon's life")
        with tempfile.TemporaryDirectory(prefix=f"{harness.PREFIX}{os.getpid()}-") as folder:
            done.append(one(pathlib.Path(folder)))
    found = {key: spread([numbers[key] for numbers in done]) for key in done[0]}
    names = {"ready_ms": "exec to READY=1, ms", "reload_ms": "reload of the same file, ms",
             "reload_programs_ms": "reload that loads the programs anew, ms", "tick_ms": "processor time of a tick, ms",
             "scrape_ms": "a scrape, read from the kernel, ms", "scrape_kb": "its text, kB",
             "rss_mib": "resident after 10 scrapes, MiB", "peak_mib": "resident at most, MiB"}
    return table(f"The daemon as shipped, {rounds} times: median (lowest to highest).", ["", ""],
                 [[words, found[key].text("{:.1f}")] for key, words in names.items()]), \
        {key: value.__dict__ for key, value in found.items()}

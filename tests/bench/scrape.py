"""What a scrape costs: whole GETs, of pages with 100 to 10,000 histograms of 40
buckets in use, by our server and by prometheus-cpp's Exposer with the same families; system calls by strace."""
import contextlib
import pathlib
import re
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

from measure import interleave, say, spread, table
from place import BIN, cpu_seconds, harness

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
OURS = {"text": {}, "gzip": {"Accept-Encoding": "gzip"}, "OpenMetrics": {"Accept": "application/openmetrics-text"},
        "protobuf, native": {"Accept": PROTOBUF},
        "protobuf, native, gzip": {"Accept": PROTOBUF, "Accept-Encoding": "gzip"}}
THEIRS = {"text": {}, "gzip": {"Accept-Encoding": "gzip"}}
GETS = 7
SERIES_OF_HISTOGRAM = 43  # 40 borders, +Inf, sum and count


@contextlib.contextmanager
def served(who, histograms, prefix=()):
    with subprocess.Popen([*prefix, BIN / "tcpperf_bench_server", who, str(histograms)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as server:
        yield server, int(server.stdout.readline())
        server.stdin.close()


def fail(what):
    raise RuntimeError(what)


def get(port, headers, times):
    """Milliseconds of each, and the bytes of one. Each on a connection of its own: Exposer keeps none. A plain socket,
    and the page is read but not kept: what the client takes is a cost of neither server."""
    lines = ["GET /metrics HTTP/1.1", "Host: localhost", "Connection: close",
             *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    request, took, buffer = "\r\n".join(lines).encode(), [], bytearray(1 << 20)
    for _ in range(times):
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(request)
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536) or fail(f"port {port} closed within the header")
            if not head.startswith(b"HTTP/1.1 200 OK\r\n"):
                fail(f"port {port} answered {head[:200]}")
            size = len(head) - head.index(b"\r\n\r\n") - 4
            while count := connection.recv_into(buffer):
                size += count
        took.append((time.monotonic() - begun) * 1000)
    return took, size


def timed(who, histograms, headers):
    def measure():
        with served(who, histograms) as (server, port):
            get(port, headers, 1)
            before = cpu_seconds(server.pid)
            took, size = get(port, headers, GETS)
            cpu = (cpu_seconds(server.pid) - before) / GETS * 1000
            peak = re.search(r"VmHWM:\s*(\d+)", pathlib.Path(f"/proc/{server.pid}/status").read_text())
            return {"ms": statistics.median(took), "cpu_ms": cpu, "bytes": size, "peak_mib": int(peak[1]) / 1024}
    return measure


def system_calls(who, histograms):
    """Of one GET of text."""
    with tempfile.NamedTemporaryFile() as file:
        def count(times):
            with served(who, histograms, ("strace", "-f", "-c", "-o", file.name)) as (_, port):
                get(port, {}, times)
            total = re.search(r"^100\.00 .*?(\d+)(?:\s+\d+)? total", pathlib.Path(file.name).read_text(), re.M)
            return int(total[1])
        return (count(20) - count(10)) / 10


@contextlib.contextmanager
def node_exporter(port):
    """Debian's, with its default collectors."""
    program = harness.Program(harness.tool("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}")
    try:
        program.wait_for_line("Listening on|listening", 30)
        yield program
    finally:
        program.end()


def beside_node_exporter(rounds):
    """Its page, and one of ours of about as many series."""
    port = harness.free_port()
    with node_exporter(port) as theirs:
        lines = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode().splitlines()
        series = sum(1 for line in lines if not line.startswith("#"))

        def measure():
            before = cpu_seconds(theirs.pid)
            took, size = get(port, {}, GETS)
            return {"ms": statistics.median(took), "cpu_ms": (cpu_seconds(theirs.pid) - before) / GETS * 1000,
                    "bytes": size}
        histograms = round(series / SERIES_OF_HISTOGRAM)
        ours = timed("tcpperf", histograms, {})
        done = interleave({"node_exporter": measure, "tcpperf": ours}, rounds)
    return series, histograms * SERIES_OF_HISTOGRAM, {
        name: {key: spread([r[name][key] for r in done]) for key in ("ms", "cpu_ms", "bytes")} for name in done[0]}


def run(rounds, quick):
    sizes = (100, 1000) if quick else (100, 1000, 6000, 10_000)  # 29 and 48 MB of text
    found = {}
    rows = []
    for size in sizes:
        variants = {f"tcpperf, {form}": timed("tcpperf", size, headers) for form, headers in OURS.items()}
        variants |= {f"Exposer, {form}": timed("exposer", size, headers) for form, headers in THEIRS.items()}
        done = interleave(variants, rounds)
        for name in variants:
            numbers = {key: spread([r[name][key] for r in done]) for key in done[0][name]}
            faster = spread([r["Exposer, text"]["ms"] / r[name]["ms"] for r in done])
            rows.append([f"{size:,} histograms: {name}", numbers["ms"].text("{:.2f}"),
                         f"{numbers['cpu_ms'].median:.2f}", f"{numbers['bytes'].median / 1000:,.0f}",
                         f"{numbers['peak_mib'].median:.0f}", faster.text("{:.1f}")])
            found[f"{size}; {name}"] = {key: value.__dict__ for key, value in numbers.items()} | {
                "times_faster_than_exposer_text": faster.__dict__}
        for who in ("tcpperf", "exposer"):
            say(f"system calls of {who}, {size} histograms")
            found[f"{size}; {who}; system calls of a GET"] = system_calls(who, size)
    theirs, ours, compared = beside_node_exporter(rounds)
    for name, series in (("node_exporter", theirs), ("tcpperf", ours)):
        numbers = compared[name]
        rows.append([f"{series:,} series: {name}, text", numbers["ms"].text("{:.2f}"),
                     f"{numbers['cpu_ms'].median:.2f}", f"{numbers['bytes'].median / 1000:,.0f}", "", ""])
        found[f"{series} series; {name}"] = {key: value.__dict__ for key, value in numbers.items()}
    calls = ", ".join(f"{who} {' / '.join(f'{found[key]:.0f}' for key in found if key.endswith('GET') and who in key)}"
                      for who in ("tcpperf", "exposer"))
    return table(f"A scrape: medians of {GETS} GETs, {rounds} rounds: median (lowest to highest). System calls of a "
                 f"GET of text with {' / '.join(map(str, sizes))} histograms: {calls}.",
                 ["", "ms", "CPU ms", "kB", "peak MiB", "times as fast as Exposer's text"], rows), found

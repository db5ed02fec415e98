"""The real daemon under test, and what the tests share: started with a configuration of the test's own on a port the
kernel chose, asked over HTTP, sent signals, and ended whatever happens. Every wait is bounded.

TCPPERFD names the program; without it, it is the one in build/bin.
"""
import atexit
import collections
import ctypes
import functools
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import metrics

ROOT = pathlib.Path(__file__).resolve().parents[2]
TCPPERFD = pathlib.Path(os.environ.get("TCPPERFD", ROOT / "build/bin/tcpperfd"))
PROBES = ("rtt", "handshake", "listener", "retransmit", "time", "congestion", "stall", "order", "throughput", "life",
          "window", "socket", "state", "drop", "reset", "kernel", "reconciliation")
# Of everything that has a name outside the test; a process id follows.
PREFIX = "tcpperf-e2e-"
# Debian's own programs, whatever else the caller has in front of them.
TOOL_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

# How AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer begin.
SANITIZER = r"(ERROR|WARNING): \w+Sanitizer|runtime error: "

Answer = collections.namedtuple("Answer", "status headers body")


def health(probe):
    """Status of an entry of /probes, as if every machine let functions of the kernel be traced: there is a substitute
    where it does not."""
    refused = "the kernel refuses programs on its function"
    if probe["status"] == "degraded" and all(refused in missing for missing in probe["reason"].split("; ")):
        return "ok"
    return probe["status"]


# A test that is told to end ends as if interrupted, so that what it has started is removed.
signal.signal(signal.SIGTERM, signal.default_int_handler)


def tool(name):
    path = shutil.which(name, path=TOOL_PATH)
    if path is None:
        raise AssertionError(f"these tests need {name}; ./dev test installs what they need")
    return path


def run(*command, check=True, seconds=60, **options):
    """A program that ends by itself."""
    done = subprocess.run([tool(command[0]), *map(str, command[1:])], capture_output=True, text=True, timeout=seconds,
                          **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} failed: {done.stdout}{done.stderr}")
    return done


def wait_until(condition, what, seconds=30):
    """What `condition` returns once it is true; asked again and again."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def allowed(seconds):
    """A promise about time holds on a machine that is not overloaded; with more to run than CPUs it is that much
    longer."""
    return seconds * max(1, os.getloadavg()[0] / os.cpu_count())


@functools.cache
def is_sanitized():
    """Whether the daemon is built with a sanitizer: freed memory stays with that for a while, and has a shadow."""
    program = TCPPERFD.read_bytes()
    return any(symbol in program for symbol in (b"__asan_init", b"__tsan_init"))


def free_port(host="127.0.0.1"):
    """A port that was free a moment ago, for programs that cannot be asked for the one they chose."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def measure_bpf_programs(test):
    """Has the kernel measure the run time of BPF programs until the test ends, whatever kernel.bpf_stats_enabled is."""
    syscall_bpf, bpf_enable_stats, bpf_stats_run_time = 321, 32, 0
    if os.uname().machine == "aarch64":
        syscall_bpf = 280
    attributes = ctypes.c_uint32(bpf_stats_run_time)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(syscall_bpf, bpf_enable_stats, ctypes.byref(attributes), ctypes.sizeof(attributes))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "BPF_ENABLE_STATS")
    test.addCleanup(os.close, fd)


class Program:
    """A program that runs until it is told to end; dies with the test. `lines` is what it has said so far."""

    def __init__(self, *command, environment=None):
        self.lines = []
        self.name = pathlib.Path(command[0]).name
        self.process = subprocess.Popen(
            [tool("setpriv"), "--pdeathsig", "KILL", "--", *map(str, command)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})})
        self.pid = self.process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        atexit.register(self.end)

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    def said(self):
        return "\n".join(self.lines)

    def count(self, pattern):
        return sum(1 for line in list(self.lines) if re.search(pattern, line))

    def wait_for_line(self, pattern, seconds=30):
        """The first line in which the pattern is found, as a match."""
        def found():
            ended = self.process.poll() is not None and not self._reader.is_alive()
            matches = (re.search(pattern, line) for line in list(self.lines))
            match = next((m for m in matches if m), None)
            if match is None and ended:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.said()}")
            return match
        try:
            return wait_until(found, f"a line with {pattern!r}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.name} said:\n{self.said()}") from None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=30):
        """The exit code, once everything it said is read."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code

    def end(self):
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        self._reader.join(10)
        self.process.stdout.close()
        atexit.unregister(self.end)


class Daemon(Program):
    """`config` is what is written into the configuration file: a dict (JSON is YAML) or text. `prefix` is a command
    that ends in executing another."""

    def __init__(self, folder, config, *, listen=("127.0.0.1:0",), arguments=(), prefix=(), environment=None,
                 program=TCPPERFD):
        self.config_file = folder / "tcpperf.yaml"
        self.configure(config)
        addresses = [f"--web.listen-address={address}" for address in listen]
        super().__init__(*prefix, program, f"--config.file={self.config_file}", *addresses, *arguments,
                         environment=environment)
        self.name = "tcpperfd"
        self._listeners = len(listen)

    def configure(self, config):
        """Writes the file; the daemon reads it when told to."""
        self.config_file.write_text(config if isinstance(config, str) else json.dumps(config))

    def addresses(self):
        """(host, port) of each listen address, in order."""
        self.wait_for_line(r"probes measuring")
        found = [re.search(r"serves https?://(.*):(\d+)/metrics", line) for line in list(self.lines)]
        return [(match[1].strip("[]"), int(match[2])) for match in found if match]

    def ask(self, path="/metrics", method="GET", headers=None, address=None, seconds=20):
        connection = http.client.HTTPConnection(*(address or self.addresses()[0]), timeout=seconds)
        try:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"tcpperfd ended with {self.wait()}:\n{self.said()}")
            return self.ask("/-/ready").status == 200
        wait_until(ready, "/-/ready")
        return self

    def scrape(self):
        answer = self.ask()
        if answer.status != 200:
            raise AssertionError(f"/metrics answers {answer.status}: {answer.body[:500]}")
        return metrics.parse(answer.body.decode())

    def probes(self):
        """/probes, by name."""
        return {probe["name"]: probe for probe in json.loads(self.ask("/probes").body)}

    def reload(self, config=None, good=True):
        """SIGHUP, and the wait for what comes of it."""
        if config is not None:
            self.configure(config)
        pattern = r"configuration reloaded" if good else r"configuration not reloaded"
        before = self.count(pattern)
        self.signal(signal.SIGHUP)
        try:
            wait_until(lambda: self.count(pattern) > before, pattern)
        except AssertionError as error:
            raise AssertionError(f"{error}\ntcpperfd said:\n{self.said()}") from None


def remove_abandoned(folder, remove):
    """What tests that were killed have left in a folder, by its name: PREFIX, their process id, a dash."""
    for entry in folder.glob(PREFIX + "*") if folder.is_dir() else ():
        owner = re.match(PREFIX + r"(\d+)-", entry.name)
        if owner and not pathlib.Path("/proc", owner[1]).exists():
            remove(entry)


class EndToEndTest(unittest.TestCase):
    """A test on the real kernel with a folder of its own."""

    longMessage = True

    def setUp(self):
        if os.geteuid() != 0:
            self.fail("this test loads BPF programs and makes network namespaces: run it as root")
        if not TCPPERFD.is_file():
            self.fail(f"{TCPPERFD} does not exist: build it, or name another with TCPPERFD")
        remove_abandoned(pathlib.Path(tempfile.gettempdir()), lambda folder: shutil.rmtree(folder, ignore_errors=True))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, config, ready=True, **options):
        """A running daemon, ended with the test."""
        daemon = Daemon(self.folder, config, **options)
        self.addCleanup(lambda: self.assertNotRegex(daemon.said(), SANITIZER, "what a sanitizer found"))
        self.addCleanup(daemon.end)
        return daemon.wait_ready() if ready else daemon

    def start_program(self, *command, **options):
        program = Program(tool(command[0]), *command[1:], **options)
        self.addCleanup(program.end)
        return program


def quiet_config(**keys):
    """Everything measured, nothing judged, no sink."""
    return {"sinks": {"syslog": False}, **keys}

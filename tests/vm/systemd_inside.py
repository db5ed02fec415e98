"""The part of systemd_test.py that runs in the machine, as root: an operator's life with the package, from its
installation to its purge. The machine reboots in the middle, after which this is started again.

    systemd_inside.py PACKAGE
"""
import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import metrics  # noqa: E402
from network import Chatter, Pair, Server  # noqa: E402

REMEMBERED = pathlib.Path("/var/lib/systemd_inside.json")  # what is needed after the reboot
CONFIG = pathlib.Path("/etc/tcpperf/tcpperf.yaml")
RULES = pathlib.Path("/etc/tcpperf/rules/unanswered_here.yaml")
SYSLOG = pathlib.Path("/var/log/syslog")
FIRING = "05ace33c8ecf4d0682c3b0f7b20d0d28"
RESOLVED = "a174b1562a5746a48598ffc401b565c2"
CAPABILITIES = 1 << 38 | 1 << 39  # CAP_PERFMON, CAP_BPF
MOST_EXPOSED = 15  # tenths, as in tests/tools/unit_file_test.sh
PATIENCE_SECONDS = 180  # for one thing to happen in an emulated machine; no promise of the daemon

RULE = """alerts:
  - name: unanswered_here
    condition: syn_retransmit_rate > 1
    window: 10s
    severity: critical
    diagnosis: Connects are not answered.
    action: Look at the path.
"""
SCRAPE = """global:
  scrape_interval: 2s
scrape_configs:
  - job_name: tcpperf
    static_configs:
      - targets: ['localhost:9435']
"""
# What the kernel changes by itself, and what comes and goes with network interfaces and modules.
RESTLESS_SYSCTLS = re.compile(
    r"fs\.(dentry-state|file-nr|inode-nr|inode-state|quota\..*)|kernel\.(ns_last_pid|random\..*|pty\.nr)"
    r"|net\.(ipv[46]\.(conf|neigh)|netfilter|nf_conntrack.*|mptcp)\..*|kernel\.sched_domain\..*|vm\.stat_refresh")


def say(text):
    print(f"[{time.clock_gettime(time.CLOCK_BOOTTIME):4.0f} s up] {text}", flush=True)


def run(*command, check=True):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
                               "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0", "COLUMNS": "200"})
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE_SECONDS
    while not (result := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {PATIENCE_SECONDS} s: {what}")
        time.sleep(0.5)
    return result


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def same(found, expected, what):
    check(found == expected, f"{what}: expected {expected!r}, found {found!r}")


# ---- what the parts of the system say --------------------------------------------------------------------------------

def unit(*names):
    """Properties of the unit, as text."""
    lines = run("systemctl", "show", "tcpperf", *(f"--property={name}" for name in names)).stdout.splitlines()
    found = dict(line.split("=", 1) for line in lines)
    return found[names[0]] if len(names) == 1 else found


def pid():
    return int(unit("MainPID"))


def await_running(other_than=None):
    """The daemon's process id, once it is ready."""
    def running():
        state = unit("ActiveState", "SubState", "MainPID")
        ready = (state["ActiveState"], state["SubState"]) == ("active", "running")
        return int(state["MainPID"]) if ready and state["MainPID"] not in ("0", str(other_than)) else None
    return wait_until(running, "tcpperf is active")


def scrape():
    with urllib.request.urlopen("http://localhost:9435/metrics", timeout=PATIENCE_SECONDS) as page:
        return metrics.parse(page.read().decode())


def prometheus(query):
    """The values of an instant query, as numbers."""
    url = "http://localhost:9090/api/v1/query?" + urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            return [float(series["value"][1]) for series in json.load(answer)["data"]["result"]]
    except OSError:
        return []  # it is still starting


def journal(*arguments):
    """Entries, as dicts."""
    return [json.loads(line) for line in
            run("journalctl", "--all", "-o", "json", *arguments).stdout.splitlines()]


def bpf_objects():
    """What the kernel has of programs, maps and links, without the numbers that each gets anew, and pinned files."""
    found = collections.Counter()
    for kind in ("prog", "map", "link"):
        for entry in json.loads(run("bpftool", "-j", kind, "show").stdout):
            found[kind, entry.get("type"), entry.get("name"), entry.get("tag")] += 1
    found.update(("pin", str(path), None, None) for path in pathlib.Path("/sys/fs/bpf").rglob("*"))
    return found


def sysctls():
    lines = run("sysctl", "-a", check=False).stdout.splitlines()
    pairs = [line.split(" =", 1) for line in lines if " =" in line]
    return {name: value for name, value in pairs if not RESTLESS_SYSCTLS.fullmatch(name)}


def changed(before, after):
    return {name: (before[name], after[name]) for name in before.keys() & after.keys() if before[name] != after[name]}


# ---- before the reboot -----------------------------------------------------------------------------------------------

def the_machine_is_well():
    wait_until(lambda: run("systemctl", "is-system-running", check=False).stdout.strip() != "starting", "it is up")
    same(run("systemctl", "is-system-running", check=False).stdout.strip(), "running",
         run("systemctl", "--failed").stdout)


def install(package):
    run("apt-get", "install", "-y", "--no-install-recommends", package)
    run("systemctl", "enable", "--now", "tcpperf")
    same(unit("ActiveState", "SubState", "Type", "UnitFileState"),
         {"Type": "notify", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled"}, "the unit")
    check(re.fullmatch(r"(\d+) of \1 probes measuring, \d+ programs attached", unit("StatusText")), unit("StatusText"))
    say(run("systemctl", "status", "tcpperf").stdout)


def it_has_no_more_privileges_than_it_needs():
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid()}/status").read_text().splitlines())
    same(run("ps", "-o", "user=,group=", "-p", pid()).stdout.split(), ["tcpperf", "tcpperf"], "user and group")
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        same(int(status[name], 16), CAPABILITIES, name)
    same((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "NoNewPrivs and Seccomp")
    run("systemd-analyze", "security", f"--threshold={MOST_EXPOSED}", "tcpperf")


def prometheus_scrapes_it(port):
    wait_until(lambda: prometheus('up{job="tcpperf"}') == [1], "Prometheus scrapes it")
    buckets = f'tcpperf_rtt_seconds_bucket{{service_port="{port}",le="+Inf"}} > 0'
    wait_until(lambda: prometheus(buckets), "Prometheus has a histogram of round-trip times")


def an_alert_is_once_in_each_log(pair):
    """Connects whose every packet is lost. Where the machine is slow, segments of open connections are sent again for
    no other reason; these SYNs are too many for that, and their end is the end of the alert."""
    before = SYSLOG.read_text()
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(pair.b.listen())
        pair.b.nft("add table inet faults; add chain inet faults input { type filter hook input priority 0 ; }; "
                   "add rule inet faults input meta l4proto tcp drop")
        for _ in range(30):
            client = stack.enter_context(pair.a.open_socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        wait_until(lambda: journal(f"MESSAGE_ID={FIRING}", "TCPPERF_ALERT=unanswered_here"),
                   "the alert is in the journal")
    pair.lose_nothing()
    wait_until(lambda: journal(f"MESSAGE_ID={RESOLVED}", "TCPPERF_ALERT=unanswered_here"), "its end is in the journal")

    daemon = pid()
    fired, resolved = [entry for entry in journal("--unit=tcpperf") if "unanswered_here" in entry["MESSAGE"]]
    for entry, state, priority in ((fired, "firing", "2"), (resolved, "resolved", "5")):
        for name, value in {"TCPPERF_STATE": state, "PRIORITY": priority, "TCPPERF_ALERT": "unanswered_here",
                            "TCPPERF_SEVERITY": "critical", "TCPPERF_CONDITION": "syn_retransmit_rate > 1",
                            "TCPPERF_DIAGNOSIS": "Connects are not answered.", "TCPPERF_ACTION": "Look at the path.",
                            "TCPPERF_WINDOW_SECONDS": "10", "TCPPERF_FOR_SECONDS": "0",
                            "SYSLOG_IDENTIFIER": "tcpperf", "SYSLOG_FACILITY": "3", "_TRANSPORT": "journal",
                            "_PID": str(daemon), "_SYSTEMD_UNIT": "tcpperf.service"}.items():
            same(entry.get(name), value, f"{name} of the entry {state}")
    same((fired["MESSAGE_ID"], resolved["MESSAGE_ID"]), (FIRING, RESOLVED), "message ids")
    check(float(fired["TCPPERF_SIGNAL_SYN_RETRANSMIT_RATE"]) > 1, fired)
    check(float(resolved["TCPPERF_SIGNAL_SYN_RETRANSMIT_RATE"]) <= 1, resolved)
    check(int(fired["TCPPERF_SAMPLES"]) > 10, fired)
    check(fired["TCPPERF_VALUE"].startswith("syn_retransmit_rate="), fired)
    same(resolved["TCPPERF_REASON"], "the condition is false", "why it ended")

    def lines(path):
        return [line for line in path.read_text(errors="replace").splitlines() if "unanswered_here" in line]
    wait_until(lambda: len(lines(SYSLOG)) >= 2, "both are in rsyslog's file")
    for line, entry in zip(lines(SYSLOG), (fired, resolved), strict=True):
        check(line.endswith(f" tcpperf[{daemon}]: {entry['MESSAGE']}"), line)
    check(SYSLOG.read_text().startswith(before), "rsyslog's file was rotated")

    explained = run("journalctl", "-x", "--no-hostname", f"MESSAGE_ID={FIRING}", "TCPPERF_ALERT=unanswered_here").stdout
    for words in ("Subject: TCP alert unanswered_here (critical)", "Defined-By: tcpperf", " Connects are not answered.",
                  "What to do: Look at the path.", "Condition: syn_retransmit_rate > 1, for 0 s"):
        check(words in explained, f"{words!r} is not in\n{explained}")
    say(explained)
    ended = run("journalctl", "-x", f"MESSAGE_ID={RESOLVED}", "TCPPERF_ALERT=unanswered_here").stdout
    check("Subject: TCP alert unanswered_here is over" in ended and "Why it ended: the condition is false." in ended,
          ended)
    say(run("journalctl", "-o", "verbose", "--no-hostname", f"MESSAGE_ID={FIRING}").stdout)


def a_good_file_is_taken_over():
    CONFIG.write_text(re.sub(r"(?m)^tick: .*$", "tick: 1s", CONFIG.read_text()))
    RULES.write_text(RULE)
    daemon = pid()
    run("systemctl", "reload", "tcpperf")
    wait_until(lambda: scrape().has("tcpperf_alert_active", alert="unanswered_here"), "the new rule is judged")
    same(await_running(), daemon, "process id after a reload")


def a_broken_file_is_refused_and_seen():
    daemon, good = pid(), CONFIG.read_text()
    CONFIG.write_text(good + "\ntock: 1s\n")
    refused = run("systemctl", "reload", "tcpperf", check=False)
    check(refused.returncode != 0, "systemctl reload succeeds with a broken file")
    same(await_running(), daemon, "process id after a refused reload")
    mistake = rf"{CONFIG}:\d+:1: .*'tock'"
    wait_until(lambda: [entry for entry in journal("--unit=tcpperf") if re.match(mistake, entry["MESSAGE"])],
               "the mistake is in the journal")
    same(scrape().total("tcpperf_config_last_reload_successful"), 1, "the daemon was not asked to reload")

    # Who sends the signal by hand gets past the check. The daemon itself refuses the file.
    run("systemctl", "kill", "--signal=HUP", "tcpperf")
    wait_until(lambda: re.search(rf"probes measuring, .*; configuration not reloaded: {mistake}", unit("StatusText")),
               "the status tells of the mistake")
    same(scrape().total("tcpperf_config_last_reload_successful"), 0, "tcpperf_config_last_reload_successful")
    errors = [entry["MESSAGE"] for entry in journal("--unit=tcpperf", "--priority=err", f"_PID={daemon}")]
    check(any(re.match(mistake, line) for line in errors), f"not an error in the journal: {errors}")
    same(await_running(), daemon, "process id after a refused signal")

    CONFIG.write_text(good)
    run("systemctl", "reload", "tcpperf")
    wait_until(lambda: "not reloaded" not in unit("StatusText"), "the status is good again")


def it_comes_back(what, number, end):
    """After `end(pid)`, as a new process that counts from nothing."""
    counted = "tcpperf_sent_segments_total"
    before, old = scrape().total(counted), pid()
    end(old)
    await_running(other_than=old)
    same(unit("NRestarts"), str(number), f"restarts after {what}")
    check(scrape().total(counted) < before, f"the counters go on after {what}")


def a_daemon_that_stands_still_is_restarted():
    folder = pathlib.Path("/run/systemd/system/tcpperf.service.d")
    folder.mkdir(parents=True)
    # The shipped times are for people; only their length differs.
    (folder / "hurry.conf").write_text("[Service]\nWatchdogSec=20s\nRestartSec=1s\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "tcpperf")
    with_traffic()
    it_comes_back("SIGSTOP", 1, lambda daemon: os.kill(daemon, signal.SIGSTOP))
    check(any("Watchdog timeout" in entry["MESSAGE"] for entry in journal("--boot", "UNIT=tcpperf.service")),
          "the watchdog was it")


def with_traffic():
    """Some, so that counters stand well above those of a new process."""
    pair = Pair()
    with Server(pair.b) as server, Chatter(pair.a, server):
        wait_until(lambda: scrape().total("tcpperf_sent_segments_total") > 1000, "traffic is counted")
    pair.close()


def a_daemon_that_is_killed_is_restarted():
    with_traffic()
    it_comes_back("SIGKILL", 2, lambda daemon: os.kill(daemon, signal.SIGKILL))


def first_boot(package):
    say("the machine is up")
    the_machine_is_well()
    objects, settings = bpf_objects(), sysctls()
    say("install and enable")
    install(package)
    it_has_no_more_privileges_than_it_needs()
    check(bpf_objects() - objects, "bpftool shows nothing of a running daemon")

    say("reload and Prometheus")
    pathlib.Path("/etc/prometheus/prometheus.yml").write_text(SCRAPE)
    run("systemctl", "reload", "prometheus")
    a_good_file_is_taken_over()
    pair = Pair()
    with Server(pair.b) as server, Chatter(pair.a, server):
        prometheus_scrapes_it(server.port)
    say("an alert")
    an_alert_is_once_in_each_log(pair)
    pair.close()
    say("broken configuration")
    a_broken_file_is_refused_and_seen()
    say("watchdog")
    a_daemon_that_stands_still_is_restarted()
    say("SIGKILL")
    a_daemon_that_is_killed_is_restarted()

    say("stop")
    run("systemctl", "stop", "tcpperf")
    same(unit("Result"), "success", "how it ended")
    # The kernel frees maps a moment after their last user has gone.
    wait_until(lambda: not bpf_objects() - objects, "no program, map, link or pin is left in the kernel")
    same(changed(settings, sysctls()), {}, "sysctls that are not what they were")
    same(run("systemctl", "is-system-running", check=False).stdout.strip(), "running",
         run("systemctl", "--failed").stdout)
    REMEMBERED.write_text(json.dumps({"boot": pathlib.Path("/proc/sys/kernel/random/boot_id").read_text()}))
    say("reboot")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # which is what the reboot does to this
    run("systemctl", "reboot")
    time.sleep(PATIENCE_SECONDS)
    raise AssertionError("the machine does not reboot")


# ---- after it --------------------------------------------------------------------------------------------------------

def listening():
    """The kernel's number of the socket that listens, and since when systemd has it."""
    tables = "".join(pathlib.Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    inodes = re.findall(rf"^ *\d+: [0-9A-F]+:{9435:04X} [0-9A-F]+:0000 0A (?:\S+ +){{5}}(\d+) ", tables, re.M)
    check(len(inodes) == 1, f"{len(inodes)} sockets listen on port 9435")
    return inodes[0], run("systemctl", "show", "tcpperf.socket", "--property=ActiveEnterTimestampMonotonic").stdout


def scrape_until(stop):
    """How many scrapes; none may fail."""
    done = 0
    while not stop.is_set():
        scrape()
        done += 1
    return done


def the_socket_stays_open_over_an_upgrade(package):
    flags = pathlib.Path("/etc/default/tcpperf")
    shipped = flags.read_text()
    flags.write_text('ARGS="--web.systemd-socket"\n')
    run("systemctl", "stop", "tcpperf")
    run("systemctl", "enable", "--now", "tcpperf.socket")
    run("systemctl", "start", "tcpperf")
    scrape()
    old, socket_before = pid(), listening()
    with concurrent.futures.ThreadPoolExecutor() as beside:
        stop = threading.Event()
        scraping = beside.submit(scrape_until, stop)
        try:
            run("dpkg", "--install", package)
            await_running(other_than=old)
        finally:
            stop.set()
        check(scraping.result() > 1, "it is scraped while it is upgraded")  # raises what a scrape has raised
    same(listening(), socket_before, "the socket")
    same(unit("NRestarts"), "0", "restarts")
    run("systemctl", "disable", "--now", "tcpperf.socket", "tcpperf")
    flags.write_text(shipped)
    run("systemctl", "enable", "--now", "tcpperf")
    scrape()


def purge():
    files = [pathlib.Path(line) for line in run("dpkg", "-L", "tcpperf").stdout.splitlines()]
    daemon = pid()
    run("apt-get", "remove", "-y", "tcpperf")
    check(not pathlib.Path(f"/proc/{daemon}").exists(), "it runs on without its package")
    RULES.unlink()  # the operator's own, which no package knows
    check(CONFIG.exists(), "remove takes the configuration, which is purge's to do")
    run("apt-get", "purge", "-y", "tcpperf")
    left = [str(path) for path in files if path.exists() and not path.is_dir()]
    left += run("find", "/", "/run", "-xdev", "-name", "*tcpperf*").stdout.splitlines()
    same(left, [], "files left after purge")
    same(run("systemctl", "is-failed", "tcpperf", check=False).stdout.strip(), "inactive", "the unit")


def second_boot(package):
    say("the machine is up again")
    check(pathlib.Path("/proc/sys/kernel/random/boot_id").read_text() !=
          json.loads(REMEMBERED.read_text())["boot"], "this is the boot before")
    the_machine_is_well()
    same(unit("ActiveState", "NRestarts"), {"ActiveState": "active", "NRestarts": "0"}, "the unit after a reboot")
    wait_until(lambda: prometheus('up{job="tcpperf"}') == [1], "Prometheus scrapes it again")
    same(len(journal("--boot=-1", f"MESSAGE_ID={FIRING}", "TCPPERF_ALERT=unanswered_here")), 1, "the alert of before")
    say("socket")
    the_socket_stays_open_over_an_upgrade(package)
    say("purge")
    purge()
    say(run("systemctl", "--failed").stdout)


def tell_what_happened():
    for command in (("systemctl", "status", "tcpperf", "prometheus", "rsyslog"), ("systemctl", "--failed"),
                    ("journalctl", "--boot", "--no-hostname", "--lines=80")):
        print(run(*command, check=False).stdout, flush=True)


if __name__ == "__main__":
    try:
        if REMEMBERED.exists():
            second_boot(sys.argv[1])
        else:
            first_boot(sys.argv[1])
    except BaseException:
        tell_what_happened()
        raise
    say("all is well")

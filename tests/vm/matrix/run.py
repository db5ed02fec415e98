#!/usr/bin/env python3
"""Everything that is asked of one kernel, on the kernel that runs: states of probes and hooks, and values. Prints what
it does and finds; the last line is RESULT and all of it in JSON. `run.py NAME [SUBJECT...]`, see expectations.py for
the name."""
import contextlib
import importlib
import json
import os
import pathlib
import platform
import shutil
import sys
import tempfile
import time
import traceback

import expectations
import lab
from checks import Checks
from lab import harness

# A program whose event interrupts the same program is skipped: an event that is missing then is no error, but counted.
# A virtual machine is slow, so it happens there now and then.
ATTEMPTS = 3
SUBJECTS = ("delay", "loss", "reorder", "bottleneck", "application", "accept", "reconciliation")
ALL_ON = harness.quiet_config(
    group_by=["service_port", "role", "local_ip", "remote_ip", "process", "pid"],
    probes={"window": {"perspective": "both"}, "stall": {"reads": True}})


def say(words):
    print(f"{time.monotonic() - BEGUN:5.0f} s: {words}", flush=True)


def attached_programs(pid):
    """The names of the programs that hang on a link which the process holds, by the kernel's word."""
    ids = set()
    for info in pathlib.Path("/proc", str(pid), "fdinfo").iterdir():
        try:
            words = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        except FileNotFoundError:  # closed meanwhile
            continue
        if "link_id" in words and "prog_id" in words:
            ids.add(int(words["prog_id"]))
    programs = json.loads(harness.run("bpftool", "-j", "prog", "show").stdout)
    return {program["name"] for program in programs if program["id"] in ids}


def states(folder, config):
    """/probes, and the hooks that are attached."""
    daemon = harness.Daemon(folder, config)
    try:
        daemon.wait_for_line(r"probes measuring", lab.READY_SECONDS)
        daemon.wait_ready()
        probes = list(daemon.probes().values())
        attached = attached_programs(daemon.pid)
        # It runs once, at the start, and is gone by now: the daemon's word has to do.
        attached |= {"on_seed"} & {program["name"] for probe in probes for program in probe["programs"]
                                   if program["attached"]}
        return probes, attached
    finally:
        daemon.end()


def values(checks, folder, stack, subjects):
    """Subject -> the runs that were thrown away."""
    repeated = {}
    place = lab.Lab(folder, stack)
    for name in subjects:
        say(name)
        checks.subject = name
        if not any(map(place.attached, expectations.HOOKS)):
            checks.not_here("all", "no hook is attached on this kernel")
            checks.say(len(checks.found) - 1)
            continue
        for attempt in range(ATTEMPTS):
            mark, skipped = len(checks.found), place.skipped()
            run(name, place, checks)
            checks.say(mark)
            skipped = place.skipped() - skipped
            if not checks.failed(mark) or not skipped or attempt == ATTEMPTS - 1:
                break
            say(f"{name}, once more: the kernel skipped programs that were running, and the daemon counted {skipped}")
            repeated[name] = repeated.get(name, 0) + 1
            del checks.found[mark:]
    return repeated


def run(subject, place, checks):
    try:
        importlib.import_module(subject).run(place, checks)
    except Exception as error:  # pylint: disable=broad-except
        traceback.print_exc()
        checks.broken(error)


def main():
    print("run: begun", flush=True)
    kernel, subjects = sys.argv[1], sys.argv[2:] or SUBJECTS
    expected = expectations.EXPECTED.get(kernel, expectations.Expected())
    checks, probes, hooks = Checks(expected.missing), {}, {}
    with contextlib.ExitStack() as stack:
        prefix = f"{harness.PREFIX}{os.getpid()}-"
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix)))
        shutil.copytree(harness.ROOT / "config/rules", folder / "rules")
        for configuration, config in (("shipped", (harness.ROOT / "config/tcpperf.yaml").read_text()), ("all", ALL_ON)):
            say(f"the daemon with the configuration: {configuration}")
            checks.subject = "states"
            probes[configuration], attached = states(folder, config)
            hooks[configuration] = sorted(attached)
            mark = len(checks.found)
            expectations.compare(checks, kernel, configuration, probes[configuration], attached)
            checks.say(mark)
        say("the daemon on a way of its own")
        repeated = values(checks, folder, stack, subjects)
    say("done")
    print("RESULT " + json.dumps({"release": platform.release(), "probes": probes, "hooks": hooks,
                                  "checks": checks.found, "repeated": repeated}), flush=True)
    return 1 if checks.failed() else 0


BEGUN = time.monotonic()
if __name__ == "__main__":
    sys.exit(main())

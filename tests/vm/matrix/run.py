#!/usr/bin/env python3
"""Everything that is asked of one kernel, on the kernel that runs: states of probes and hooks, and values. Prints what it
does and finds; the last line is RESULT and all of it in JSON. `run.py NAME [SUBJECT...]`, see expectations.py for the
name."""
import contextlib
import importlib
import json
import pathlib
import platform
import shutil
import sys
import tempfile
import time
import traceback

import lab
from checks import Checks
from lab import harness

SUBJECTS = ("delay", "loss", "reorder", "bottleneck", "application", "accept", "reconciliation")
ALL_ON = harness.quiet_config(
    group_by=["service_port", "role", "local_ip", "remote_ip", "process", "pid"],
    probes={"window": {"perspective": "both"}, "stall": {"reads": True}})


def say(words):
    print(f"{time.monotonic() - BEGUN:5.0f} s: {words}", flush=True)


def states(folder, config):
    daemon = harness.Daemon(folder, config)
    try:
        daemon.wait_for_line(r"probes measuring", lab.READY_SECONDS)
        daemon.wait_ready()
        return list(daemon.probes().values())
    finally:
        daemon.end()


def main():
    checks = Checks()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=harness.PREFIX + "matrix-")))
        say("shipped")
        shipped = states(folder, (harness.ROOT / "config/tcpperf.yaml").read_text())
        say("all on")
        every = states(folder, ALL_ON)
        say("lab")
        place = lab.Lab(folder, checks, stack)
        for name in SUBJECTS:
            say(name)
            checks.subject = name
            try:
                importlib.import_module(name).run(place, checks)
            except Exception as error:
                traceback.print_exc()
                checks.broken(error)
        say("end")
    print("RESULT " + json.dumps({"probes": {"shipped": shipped, "all": every}, "checks": checks.found}))


BEGUN = time.monotonic()
if __name__ == "__main__":
    main()

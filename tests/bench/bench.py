#!/usr/bin/env python3
"""Measures what tcpperf costs, each thing against its rival in the same run. Prints tables (Markdown) and writes
everything as JSON. Root, on a machine that has nothing else to do.

usage: bench.py [--quick] [--rounds N] [--json FILE] [SUBJECT...]
SUBJECT is one or more of events, probes, host, scrape, life; all of them without."""
import argparse
import importlib
import json
import os
import pathlib
import platform
import sys
import time

import kept
import place
from measure import say

SUBJECTS = ("events", "probes", "host", "scrape", "life")


def machine():
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(),
            "load": os.getloadavg()[0], "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def main():
    parser = argparse.ArgumentParser(description="What tcpperf costs, and what others cost.")
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"one or more of {', '.join(SUBJECTS)}")
    parser.add_argument("--rounds", type=int, help="of each comparison (default 5, with --quick 2)")
    parser.add_argument("--quick", action="store_true", help="fewer variants and rounds: to see that it works")
    parser.add_argument("--json", type=pathlib.Path, help="write everything there")
    arguments = parser.parse_args()
    subjects = arguments.subjects or SUBJECTS
    if unknown := set(subjects) - set(SUBJECTS):
        parser.error(f"unknown subject '{unknown.pop()}'; known: {', '.join(SUBJECTS)}")
    if os.geteuid() != 0:
        sys.exit("bench: BPF programs and namespaces need root: run this as root")
    rounds = arguments.rounds or (2 if arguments.quick else 5)
    found = {"machine": machine(), "rounds": rounds}
    if found["machine"]["load"] > 0.5:
        say(f"the load is {found['machine']['load']:.1f}: numbers of a busy machine say little")
    place.enter()
    for subject in subjects:
        text, found[subject] = importlib.import_module(subject).run(rounds, arguments.quick)
        print(f"\n{text}", flush=True)
        if arguments.json:  # what there is by now: the next may fail
            arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    for words in kept.differences(found):
        say(words)


if __name__ == "__main__":
    main()

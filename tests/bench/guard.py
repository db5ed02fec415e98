#!/usr/bin/env python3
"""What must not grow unnoticed, and does not depend on the machine's mood: the instructions of the BPF programs, as
they are loaded and as the verifier has to look at them, and those that reading the kernel's arrays (fold) and making
the pages take, counted by callgrind. Compared with baseline.json; what this kernel or this compiler has no baseline for
is said and not compared. Root. `write` also keeps the ratios of the last run of ./dev bench. usage: guard.py check |
write"""
import json
import platform
import re
import subprocess
import sys
import tempfile

import kept
import place
from kept import BASELINE
from programs import programs_of

RESULTS = place.harness.ROOT / "build/bench.json"  # of ./dev bench
LEAST_ROUNDS = 3  # of results that are kept
INSTRUCTION_BYTES = 8
# Of these counts; a verifier looks at some paths in another order when nothing but a name has changed.
TOLERANCE = {"loaded": 0.02, "verified": 0.10, "executed": 0.10}
CONFIGURATIONS = {"shipped": place.SHIPPED, "all": place.ALL}
PAGES = ("fold", "text", "openmetrics", "protobuf")


def kernel():
    return re.match(r"\d+\.\d+", platform.release())[0]


def compiler():
    """Of the programs and of the daemon."""
    def major(name):
        said = subprocess.run([name, "--version"], check=True, text=True, capture_output=True).stdout
        return re.search(r"(\d+)\.\d+\.\d+", said)[1]
    return f"clang {major('clang')}, g++ {major('g++')}"


def programs():
    """Of each configuration's programs, by name."""
    found = {}
    for name, config in CONFIGURATIONS.items():
        with place.daemon(config) as daemon:
            for program, info in sorted(programs_of(daemon.pid).items()):
                found[f"{name}: {program}"] = {"loaded": info.xlated_prog_len // INSTRUCTION_BYTES,
                                               "verified": info.verified_insns}
    return found


def executed(page):
    """Instructions that one page of 1,000 histograms takes, from the snapshot to the bytes, or its snapshot: the
    difference of two runs, so that what is done once is not in it."""
    def run(pages):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
                                   place.BIN / "tcpperf_bench_pages", page, str(pages)],
                                  check=True, text=True, capture_output=True)
        return int(re.search(r"Collected : (\d+)", done.stderr)[1])
    return {"executed": (run(6) - run(1)) // 5}


def measured():
    place.enter()
    return {"kernel": kernel(), "compiler": compiler(), "programs": programs(),
            "pages": {page: executed(page) for page in PAGES}}


def compare(now, then):
    """What is more than it was, and what is less, in words."""
    worse, better = [], []
    for part in ("programs", "pages"):
        if part == "programs" and now["kernel"] != then["kernel"]:
            print(f"guard: the baseline is of Linux {then['kernel']}, this is {now['kernel']}: programs not compared")
            continue
        for name in sorted(now[part].keys() | then[part].keys()):
            if name not in now[part] or name not in then[part]:
                worse.append(f"{name}: {'gone' if name in then[part] else 'new'}")
                continue
            for unit, value in now[part][name].items():
                before = then[part][name][unit]
                if abs(value - before) > TOLERANCE[unit] * before:
                    words = f"{name}: {value:,} instructions {unit}, {before:,} in the baseline"
                    (worse if value > before else better).append(words)
    return worse, better


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in ("check", "write"):
        sys.exit(__doc__)
    now = measured()
    if sys.argv[1] == "write":
        now["ratios"] = json.loads(BASELINE.read_text()).get("ratios", {})
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        if results.get("rounds", 0) >= LEAST_ROUNDS:
            now["ratios"] |= kept.ratios(results)
        BASELINE.write_text(json.dumps(now, indent=1) + "\n")
        print(f"guard: written {BASELINE.name}")
        return
    then = json.loads(BASELINE.read_text())
    if now["compiler"] != then["compiler"]:
        print(f"guard: the baseline is of {then['compiler']}, this is {now['compiler']}: nothing compared")
        return
    worse, better = compare(now, then)
    for words in better:
        print(f"guard: less: {words}")
    if worse:
        sys.exit("\n".join(["guard: more than the baseline; ./dev bench baseline takes it over when it is worth it:",
                            *worse]))
    print(f"guard: {len(now['programs'])} programs and {len(now['pages'])} pages as in the baseline")


if __name__ == "__main__":
    main()

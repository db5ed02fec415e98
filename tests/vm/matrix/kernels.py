#!/usr/bin/env python3
"""The kernels of the matrix, seen from outside: runs one (run.py in a virtual machine, or here), writes what it found
to build/vm/results, shows all of them as a table, and makes docs/kernel_support.md of them or compares it.

Other tests may put a file there too, for a line of the table: `release`, `seconds`, `error` or `checks` as checks.py
makes them.

usage: kernels.py run KERNEL | table [SINCE] | page | check
KERNEL is 5.10, 6.1, 6.12, 7.x or running; SINCE, in seconds of the Unix clock, leaves out what was run before."""
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

import page

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RESULTS = ROOT / "build/vm/results"
PAGE = ROOT / "docs/kernel_support.md"
MACHINES = ("5.10", "6.1", "6.12", "7.x")
SECONDS = 900


def version_of(release):
    return re.match(r"\d+\.\d+", release)[0]


def execute(command):
    """What run.py found, empty where it did not come to its end; and the lines that were said."""
    result, said = {}, []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            if line.startswith("RESULT "):
                result = json.loads(line.removeprefix("RESULT "))
            elif line.strip():
                said.append(line.strip())
                print(line, end="", flush=True)
    return result, said or [f"ended with {process.returncode}"]


def write(file, result):
    partial = file.with_suffix(".part")
    partial.write_text(json.dumps(result, indent=1) + "\n")
    partial.replace(file)


def run(kernel):
    """0 when all is as expected."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"{kernel}.json"
    name = version_of(platform.release()) if kernel == "running" else kernel
    # What is left when this is killed.
    write(file, {"kernel": name, "seconds": "", "error": "was stopped before its end"})
    command = ["/usr/bin/python3", "-B", str(HERE / "run.py"), name]
    if kernel != "running":
        daemon = os.environ.get("TCPPERFD", str(ROOT / "build/bin/tcpperfd"))
        command = [str(HERE.parent / "boot"), "--time-limit", str(SECONDS), kernel, "--", "env", f"TCPPERFD={daemon}",
                   *command]
    begun = time.monotonic()
    result, said = execute(command)
    if not result and said[-1].startswith("boot: the machine ended") and "run: begun" not in said:
        print(f"{name}: the machine did not come up; once more", flush=True)
        result, said = execute(command)
    if not result:
        result["error"] = said[-1]
    if kernel == "running" and name in MACHINES:
        name += " here"  # beside Debian's in the machine
    result = {"kernel": name, "seconds": round(time.monotonic() - begun), **result}
    write(file, result)
    print(f"{name}: {page.outcome(result)}, {result['seconds']} s")
    return 0 if not page.problems(result) else 1


def results(since=0):
    """By the name of the file, in the order of the kernels; then what others have put there."""
    found = {file.stem: json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.json"))
             if file.stat().st_mtime >= since}
    order = [*MACHINES[:-1], "running", MACHINES[-1]]
    return {name: found[name] for name in [*order, *(set(found) - set(order))] if name in found}


def table(since=0):
    """Nothing where nothing was run."""
    found = results(float(since))
    if not found:
        return
    names = [*MACHINES, "running", *(name for name in found if name not in (*MACHINES, "running"))]
    print(f"{'kernel':<10} {'version':<24} {'seconds':>7}  result")
    for name in names:
        result = found.get(name)
        if result is None:
            print(f"{name:<10} {'':<24} {'':>7}  not run")
            continue
        print(f"{name:<10} {result.get('release', ''):<24} {result.get('seconds', ''):>7}  {page.outcome(result)}")
        for problem in page.problems(result):
            print(f"{'':<10} {problem}")


def of_matrix():
    return {name: result for name, result in results().items() if name in (*MACHINES, "running")}


def write_page():
    found = of_matrix()
    for name in (*MACHINES, "running"):
        if name not in found:
            sys.exit(f"kernels: there is no result of {name}; run ./dev test -L vm")
        if page.problems(found[name]):
            sys.exit(f"kernels: {name} has failed, so there is no page: {page.problems(found[name])[0]}")
    PAGE.write_text(page.write(list(found.values())))


def check_page():
    found = [result for result in of_matrix().values() if "probes" in result]
    if not found:
        sys.exit("kernels: no kernel was run; run ./dev test -L vm")
    known, seen = page.facts(PAGE.read_text()), page.facts(page.write(found))
    differences = []
    for name in (result["kernel"] for result in found):
        if name not in known:
            print(f"{name} is not on the page: not compared")
            continue
        differences += [f"{name}: + {fact}" for fact in sorted(seen[name] - known[name])]
        differences += [f"{name}: - {fact}" for fact in sorted(known[name] - seen[name])]
    print("\n".join(differences))
    if differences:
        sys.exit("docs/kernel_support.md is out of date; run ./dev docs kernels")
    print("docs/kernel_support.md is up to date for " + ", ".join(result["kernel"] for result in found))


def main():
    commands = {"table": table, "page": write_page, "check": check_page}
    if sys.argv[1:2] == ["run"] and sys.argv[2:3] and sys.argv[2] in (*MACHINES, "running"):
        sys.exit(run(sys.argv[2]))
    if sys.argv[1:2] and sys.argv[1] in commands and len(sys.argv) <= (3 if sys.argv[1] == "table" else 2):
        commands[sys.argv[1]](*sys.argv[2:])
    else:
        sys.exit(__doc__[__doc__.index("usage: "):])


if __name__ == "__main__":
    main()

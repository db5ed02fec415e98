#!/usr/bin/env python3
"""The package on a fresh Debian 12 with systemd, rsyslog and Prometheus, in a virtual machine with Debian's kernel:
installed, enabled, reloaded, hung, killed, rebooted and purged. What happens inside is in systemd_inside.py.

    ./dev package deb && tests/vm/systemd_test.py [PACKAGE]

Without PACKAGE the one in build/package. The root file system is made once, which takes root and some minutes, and kept
in ~/.cache/tcpperf/vm/root.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "tcpperf/vm"
ROOT_FOLDER = CACHE / "root"
RESULT = REPOSITORY / "build/vm/results/systemd.json"
KERNEL = "6.1"
# Of one run with two CPUs for itself it takes a third; the rest is for machines with more to do.
TIME_LIMIT_SECONDS = 900

# What the test needs in the machine; what the package needs it says itself.
PACKAGES = ("systemd", "systemd-sysv", "rsyslog", "prometheus", "iproute2", "nftables", "curl", "python3", "kmod",
            "procps", "bpftool")


def dependencies(package):
    """Names of the packages that it depends on; of alternatives the first."""
    said = subprocess.run(["dpkg-deb", "--field", package, "Pre-Depends", "Depends"], check=True, capture_output=True,
                          text=True).stdout
    lists = [line.split(":", 1)[1] for line in said.splitlines() if re.match(r"(Pre-)?Depends:", line)]
    return sorted({re.match(r"\s*([^\s(|]+)", entry)[1] for line in lists for entry in line.split(",")})


def find_package():
    found = list((REPOSITORY / "build/package").glob("tcpperf_*.deb"))
    if len(found) != 1:
        sys.exit(f"systemd_test: {len(found)} packages in build/package, not one: run ./dev package deb")
    return found[0]


def main():
    package = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else find_package()
    if not package.is_relative_to(REPOSITORY):
        sys.exit("systemd_test: the machine sees this repository alone: put the package somewhere into it")
    inside = pathlib.Path("/run/vm/repository")
    # Told to end, it ends what it has started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print("making a Debian to install on, if there is none", flush=True)
    subprocess.run([HERE / "debian_root", "bookworm", ROOT_FOLDER, *PACKAGES, *dependencies(package)], check=True)
    print("starting the machine", flush=True)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()

    def tell(error):  # a line in the table of ./dev test
        RESULT.write_text(json.dumps({"kernel": "systemd", "release": "the package, on " + KERNEL, "checks": [],
                                      "seconds": round(time.monotonic() - begun), **error}) + "\n")
    tell({"error": "was stopped before its end"})
    done = subprocess.run([HERE / "boot", "--time-limit", str(TIME_LIMIT_SECONDS), "--root", ROOT_FOLDER, KERNEL, "--",
                           "python3", "-B", inside / "tests/vm/systemd_inside.py",
                           inside / package.relative_to(REPOSITORY)], check=False)
    error = {} if done.returncode == 0 else {"error": f"systemd_inside.py ended with {done.returncode}"}
    tell(error)
    sys.exit(done.returncode)


if __name__ == "__main__":
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", "")
    main()

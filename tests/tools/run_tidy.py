#!/usr/bin/env python3
"""clang-tidy over every .cpp of ours in a build folder, all CPUs at work, warnings as errors (.clang-tidy says so).

A file that passed is not looked at again until something it depends on changes: its sources and headers as the last
build recorded them, its compiler command, .clang-tidy or clang-tidy itself. Exit code 1 when a file has findings.

usage: run_tidy.py BUILD_FOLDER      (everything must be built, and with Ninja)
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys


def recorded_dependencies(build):
    """{object file: [every file it was made from]} out of Ninja's log."""
    listing = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], check=True, capture_output=True, text=True)
    dependencies, current = {}, None
    for line in listing.stdout.splitlines():
        if line.startswith(" "):
            current.append(build / line.strip())
        elif ": #deps " in line:
            current = dependencies.setdefault(line.split(": #deps ")[0], [])
    return dependencies


class Fingerprints:
    def __init__(self, common):
        self._common = common
        self._contents = {}

    def _content(self, path):
        if path not in self._contents:
            self._contents[path] = hashlib.sha256(path.read_bytes()).digest()
        return self._contents[path]

    def of(self, command, files):
        digest = hashlib.sha256(self._common)
        digest.update(command.encode())
        for path in sorted(set(files)):
            digest.update(str(path).encode() + self._content(path))
        return digest.hexdigest()


def tidy(build, source):
    return subprocess.run(["clang-tidy", "--quiet", "-p", str(build), str(source)], capture_output=True, text=True)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    root = pathlib.Path(__file__).resolve().parents[2]
    passed = build / "tidy"
    passed.mkdir(exist_ok=True)

    version = subprocess.run(["clang-tidy", "--version"], check=True, capture_output=True).stdout
    settings = b"".join((root / folder / ".clang-tidy").read_bytes() for folder in ("", "tests"))
    fingerprints = Fingerprints(version + settings)
    dependencies = recorded_dependencies(build)

    waiting = {}  # source: the stamp to leave when it passes
    stamps = set()
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["file"])
        if source.suffix != ".cpp" or build in source.parents:
            continue
        target = entry["output"] if "output" in entry else entry["command"].split(" -o ")[1].split()[0]
        if target not in dependencies:
            sys.exit(f"run_tidy: {source} is not built yet")
        stamp = passed / fingerprints.of(entry["command"], [source, *dependencies[target]])
        stamps.add(stamp)
        if not stamp.exists():
            waiting[source] = stamp
    for old in set(passed.iterdir()) - stamps:
        old.unlink()

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = {pool.submit(tidy, build, source): source for source in waiting}
        for done, future in enumerate(concurrent.futures.as_completed(results), 1):
            source, result = results[future], future.result()
            print(f"[{done}/{len(waiting)}] {source.relative_to(root)}", flush=True)
            if result.returncode == 0:
                waiting[source].touch()
            else:
                failed += 1
                print(result.stdout + result.stderr, flush=True)
    print(f"clang-tidy: {len(stamps)} files, {len(stamps) - len(waiting)} unchanged, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Fuzzes for a while and brings what was found into the tree: of all inputs, the smallest that reach what no other of
the corpus reaches. Those written by hand stay as they are; those kept before stay while they are needed.

usage: keep.py BUILD_FOLDER SECONDS
SECONDS are for each of the fuzz targets.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CORPUS = pathlib.Path(__file__).parent / "corpus"
MOST_BYTES = 2048  # of one input; what needs more is written by hand
# As libFuzzer names an input: by its SHA-1.
KEPT = re.compile(r"[0-9a-f]{40}")


def run(fuzzer, *arguments):
    """False, after what it said, when it has found a fault."""
    done = subprocess.run([fuzzer, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")
    if done.returncode != 0:
        print(done.stdout[-20_000:], f"keep.py: {fuzzer.name} has failed; nothing of it is kept", file=sys.stderr)
    return done.returncode == 0


def copy_small(source, target):
    for path in source.iterdir():
        if path.stat().st_size <= MOST_BYTES:
            shutil.copyfile(path, target / path.name)


def keep(fuzzer, seconds):
    corpus = CORPUS / fuzzer.name.removesuffix("_fuzz")
    found = fuzzer.parent.parent / "tests/fuzz/found" / corpus.name
    with tempfile.TemporaryDirectory() as work:
        merged, candidates = pathlib.Path(work, "merged"), pathlib.Path(work, "candidates")
        merged.mkdir()
        candidates.mkdir()
        if not run(fuzzer, f"-max_total_time={seconds}", "-timeout=10", f"-artifact_prefix={found.parent}/", found,
                   corpus):
            return False
        copy_small(found, candidates)
        for path in corpus.iterdir():
            shutil.copyfile(path, (candidates if KEPT.fullmatch(path.name) else merged) / path.name)
        by_hand = {path.name for path in merged.iterdir()}
        # Without counters how often a place is reached does not tell inputs apart: hundreds would differ in that.
        if not run(fuzzer, "-merge=1", "-use_counters=0", f"-artifact_prefix={found.parent}/", merged, candidates):
            return False
        needed = [path for path in merged.iterdir() if path.name not in by_hand]
        for path in corpus.iterdir():
            if KEPT.fullmatch(path.name):
                path.unlink()
        for path in needed:
            shutil.copyfile(path, corpus / path.name)
    print(f"{corpus.name}: {len(by_hand)} inputs by hand, {len(needed)} kept, "
          f"{sum(path.stat().st_size for path in corpus.iterdir())} bytes", flush=True)
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Brings what fuzzing has found into the tree.")
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("seconds", type=int)
    arguments = parser.parse_args()
    fuzzers = sorted(arguments.build.resolve().glob("bin/*_fuzz"))
    if not fuzzers:
        sys.exit(f"keep.py: no fuzzers in {arguments.build}/bin; ./dev fuzz --keep SECONDS builds them")
    sys.exit(0 if all([keep(fuzzer, arguments.seconds) for fuzzer in fuzzers]) else 1)

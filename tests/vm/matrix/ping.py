"""Round-trip times from somebody else: ping, which has its own clock, on the same way at the same time."""
import contextlib
import re
import signal

from lab import harness


@contextlib.contextmanager
def pinging(lab):
    """Yields a list, which afterwards holds the round-trip times in seconds, in ascending order."""
    seconds = []
    program = harness.Program(harness.tool("ip"), "netns", "exec", lab.a.name, harness.tool("ping"), "-n", "-i", "0.02",
                              lab.b.v4)
    try:
        yield seconds
        program.signal(signal.SIGINT)  # it says what it has kept back
        program.wait()
    finally:
        program.end()
    found = (re.search(r"time=([\d.]+) ms", line) for line in program.lines)
    seconds += sorted(float(match[1]) / 1000 for match in found if match)
    if not seconds:
        raise AssertionError(f"ping had no answer: {program.said()}")


def quantile(seconds, q):
    return seconds[min(int(q * len(seconds)), len(seconds) - 1)]

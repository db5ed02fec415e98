"""The ratios of a run of bench.py that are kept in baseline.json: of ours to what stands beside it in the same run.
They are told with each run, not tested: a busy machine moves them."""
import json
import pathlib

BASELINE = pathlib.Path(__file__).with_name("baseline.json")
NOTEWORTHY = 1.25  # times as much, or as little


def ratios(found):
    """Of what bench.py found: name -> median."""
    kept = {}
    for name, variant in found.get("events", {}).get("variants", {}).items():
        kept[f"ns per segment to bpftrace's: {name}"] = variant["ratio"]["median"]
    for name, numbers in found.get("host", {}).items():
        if "per_second_ratio" in numbers and not name.endswith("; nothing"):
            kept[f"throughput to a host with nothing: {name}"] = numbers["per_second_ratio"]["median"]
    for name, numbers in found.get("scrape", {}).items():
        faster = isinstance(numbers, dict) and numbers.get("times_faster_than_exposer_text")
        if faster and not name.endswith("; Exposer, text"):
            kept[f"times as fast as Exposer's text: {name}"] = faster["median"]
    return {name: round(value, 3) for name, value in kept.items()}


def differences(found):
    """Lines about what is far from the baseline."""
    before = json.loads(BASELINE.read_text()).get("ratios", {})
    now = ratios(found)
    return [f"{name}: {now[name]}, {before[name]} in the baseline" for name in now if name in before
            and before[name] and not 1 / NOTEWORTHY <= now[name] / before[name] <= NOTEWORTHY]

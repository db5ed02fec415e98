"""usage: check_with_python.py PRINTER: the strict OpenMetrics parser of the reference client must read our page, with
the names, types and units it should have, and the text parser must find the same numbers in our text page."""

import subprocess
import sys

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics


def page(kind):
    return subprocess.run([sys.argv[1], kind], check=True, stdout=subprocess.PIPE).stdout.decode("utf-8")


def samples(families):
    found = {}
    for family in families:
        for sample in family.samples:
            labels = dict(sample.labels)
            if "le" in labels:
                labels["le"] = float(labels["le"])
            key = (sample.name, tuple(sorted(labels.items())))
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found


def expect(what, actual, wanted):
    if actual != wanted:
        sys.exit(f"{what}:\n  is     {actual}\n  should {wanted}")


strict = list(openmetrics.text_string_to_metric_families(page("openmetrics")))
plain = list(parser.text_string_to_metric_families(page("text")))

expect(
    "families",
    {family.name: (family.type, family.unit) for family in strict},
    {
        "tcpperf_retransmitted_segments": ("counter", ""),
        "tcpperf_stalled_seconds": ("counter", "seconds"),
        "tcpperf_sockets": ("gauge", ""),
        "tcpperf_map_used_ratio": ("gauge", "ratio"),
        "tcpperf_build_info": ("gauge", ""),
        "tcpperf_rtt_seconds": ("histogram", "seconds"),
        "tcpperf_queued_bytes": ("histogram", "bytes"),
    },
)
help_texts = {family.name: family.documentation for family in strict}
expect("help", help_texts["tcpperf_sockets"], 'Sockets by "state";\na backslash is \\.')
expect("help in text", {family.name: family.documentation for family in plain}, help_texts)

numbers = samples(strict)
expect("numbers in text", samples(plain), numbers)
for what, process, state, value in (("awkward label", 'back\\slash "quote"\nline', "established", 12),
                                    ("replaced bytes", "caf\u00e9 \ufffd\ufffd", "close_wait", -1)):
    expect(what, numbers[("tcpperf_sockets", (("process", process), ("state", state)))], value)
expect("fraction", numbers[("tcpperf_stalled_seconds_total", ())], 0.30000000000000004)
expect("last border", numbers[("tcpperf_queued_bytes_bucket", (("le", 2.0**34),))], 19)
expect("count of samples", len(numbers), 2 + 1 + 3 + 2 + 1 + 2 * (27 + 3) + (35 + 3))

#!/usr/bin/env python3
"""The documents for /usr/share/doc/tcpperf, in the folders they are in here, so that links among them lead somewhere. A
link to what a package has elsewhere is given that place; of one to what it does not have, the text is left.

usage: docs.py TARGET_FOLDER
"""
import pathlib
import re
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "CHANGELOG.md", "docs/configuration.md", "docs/kernel_requirements.md",
             "docs/kernel_support.md", "docs/metrics.md", "docs/web.md", "docs/images/rtt_heatmap.svg")
PLACES = {"config": "/etc/tcpperf", "config/rules": "/etc/tcpperf/rules",
          "dashboards": "/usr/share/tcpperf/dashboards",
          "dashboards/grafana/tcpperf.json": "/usr/share/tcpperf/dashboards/tcpperf.json"}
# A target without a scheme, and what is left of it without the heading that it points to.
LINK = re.compile(r"\[([^\[\]]*)\]\(([^()\s:#]+)((?:#[^()\s]*)?)\)")


def link(document, match):
    text, target, heading = match.groups()
    path = pathlib.PurePosixPath(document).parent / target.rstrip("/")
    if str(path) in DOCUMENTS:
        return match[0]
    place = PLACES.get(str(path))
    return f"[{text}]({place}{heading})" if place else text


def main(target):
    for document in DOCUMENTS:
        copy = target / document
        copy.parent.mkdir(parents=True, exist_ok=True)
        if copy.suffix == ".md":
            text = (ROOT / document).read_text(encoding="utf-8")
            copy.write_text(LINK.sub(lambda match: link(document, match), text), encoding="utf-8")
        else:
            shutil.copyfile(ROOT / document, copy)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: docs.py TARGET_FOLDER")
    main(pathlib.Path(sys.argv[1]))

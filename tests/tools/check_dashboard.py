#!/usr/bin/env python3
"""Whether the Grafana dashboard keeps its promises: every panel explained, every query honest and selectable.

usage: check_dashboard.py DASHBOARD [--promtool PATH] [--metrics METRICS_MD]
       check_dashboard.py DASHBOARD --queries

--promtool  also has Prometheus' own parser read every query
--metrics   every metric of ours, and every label, must be described in this document; what is counted by group must
            not show the past of a retired group as a burst
--queries   prints the queries as JSON, [{"panel", "title", "ref", "expr"}], ready to be sent to a Prometheus
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
MATCHERS = ('job=~"$job"', 'instance=~"$instance"')
# What Grafana fills in; here, values that find everything.
VARIABLES = {"$__rate_interval": "1m", "$job": ".*", "$instance": ".*", "$service_port": ".*", "$role": ".*"}
# What the shipped configuration groups by: labels that a metric of a probe may have or not, by configuration.
GROUP_LABELS = {"service_port", "role"}
LISTENER_LABELS = {"local_ip", "local_port", "process"}  # of the metrics of listeners
# Labels that are not of our making.
OTHER_LABELS = {"job", "instance", "le"}
NEVER_GROUPED = {"tcpperf_connections"}
NEVER_GROUPED_PROBES = {"the daemon itself", "kernel", "reconciliation"}
# A retired group's past is added to `other`: a rate leaves `other` out, or out only while that shows.
WITHOUT_OTHER = re.compile('(service|local)_port!="other"')
OTHER = re.compile('(service|local)_port="other"')
UNLESS_RETIRED = " unless on (job, instance) increase(tcpperf_groups_retired_total{"
METRIC = re.compile(r"\b((?:tcpperf|process)_\w+)(\{[^}]*\})?(\[[^\]]*\])?")
COUNTER = re.compile(r"(_total|_bucket|_sum|_count)$")
MATCHER = re.compile(r'(\w+)(?:=~|!~|!=|=)"')
BY = re.compile(r"\bby \(([^)]*)\)")


def substituted(expr):
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def panels_of(dashboard):
    """Every panel but the rows, those of collapsed rows too."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def queries_of(dashboard):
    return [{"panel": p["id"], "title": p["title"], "ref": t["refId"], "expr": substituted(t["expr"])}
            for p in panels_of(dashboard) for t in p["targets"]]


def check_frame(dashboard):
    wanted = {"schemaVersion": 39, "uid": "tcpperf", "id": None, "editable": False}
    for key, value in wanted.items():
        if dashboard.get(key, "missing") != value:
            yield f"{key} is {dashboard.get(key)!r}, not {value!r}"
    if "__inputs" in dashboard:
        yield "__inputs breaks provisioning from a file"


def check_variables(dashboard):
    variables = {v["name"]: v for v in dashboard["templating"]["list"]}
    if list(variables) != ["datasource", "job", "instance", "service_port", "role"]:
        yield f"variables are {list(variables)}, not datasource, job, instance, service_port, role"
        return
    source = variables["datasource"]
    if (source["type"], source["query"], source["label"]) != ("datasource", "prometheus", "Data source"):
        yield "variable datasource must choose a Prometheus, labelled 'Data source'"
    hosts = 'job=~"$job", instance=~"$instance"'
    # ".*" also finds metrics that have no such label.
    for name, query, everything in (
            ("job", "label_values(tcpperf_build_info, job)", ".+"),
            ("instance", 'label_values(tcpperf_build_info{job=~"$job"}, instance)', ".+"),
            ("service_port", f"label_values(tcpperf_rtt_seconds_count{{{hosts}}}, service_port)", ".*"),
            ("role", f"label_values(tcpperf_rtt_seconds_count{{{hosts}}}, role)", ".*")):
        variable = variables[name]
        if variable["type"] != "query" or variable["query"]["query"] != query:
            yield f"variable {name} must be the query {query}"
        if variable["datasource"] != DATASOURCE:
            yield f"variable {name} must ask the chosen data source"
        if not (variable["multi"] and variable["includeAll"] and variable["allValue"] == everything):
            yield f"variable {name} must allow several values and all of them as '{everything}'"
        if variable["refresh"] != 2:
            yield f"variable {name} must be refreshed when the time range changes"


def check_layout(dashboard):
    taken = {}
    ids = set()
    for panel in dashboard["panels"]:
        title = panel["title"]
        if panel["id"] in ids:
            yield f"{title}: id {panel['id']} is used twice"
        ids.add(panel["id"])
        grid = panel["gridPos"]
        if grid["x"] + grid["w"] > 24:
            yield f"{title}: reaches beyond the 24 columns"
        for cell in ((x, y) for x in range(grid["x"], grid["x"] + grid["w"])
                     for y in range(grid["y"], grid["y"] + grid["h"])):
            if cell in taken:
                yield f"{title}: overlaps {taken[cell]}"
                break
            taken[cell] = title
    first = next(panels_of(dashboard))
    if first["type"] != "heatmap" or "tcpperf_rtt_seconds_bucket" not in first["targets"][0]["expr"]:
        yield "the first panel must be the RTT heatmap"


def check_expr(expr):
    metrics = METRIC.findall(expr)
    if not metrics:
        yield "asks for no metric"
    for name, selector, window in metrics:
        for matcher in MATCHERS:
            if matcher not in selector:
                yield f"{name} lacks {matcher}"
        if COUNTER.search(name) and window != "[$__rate_interval]":
            yield f"{name} counts up: it needs rate or increase over [$__rate_interval]"
        if not COUNTER.search(name) and window:
            yield f"{name} is a gauge: no range"
        if window and not re.search(r"\b(rate|increase)\(" + re.escape(name + selector + window), expr):
            yield f"{name} has a range outside rate and increase"
    if "$" in substituted(expr):
        yield "has a variable that nobody fills in"


def check_panel(panel):
    if len(panel.get("description", "")) < 80:
        yield "needs a description: what it means, what to do"
    if panel.get("datasource") != DATASOURCE:
        yield "must use the chosen data source"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield "has no unit"
    if panel["type"] == "heatmap" and not panel["options"]["yAxis"].get("unit"):
        yield "has no unit on its axis"
    if not panel.get("targets"):
        yield "has no query"
    refs = [t["refId"] for t in panel.get("targets", [])]
    if len(refs) != len(set(refs)):
        yield "has two queries of the same refId"
    for target in panel.get("targets", []):
        if target.get("datasource") != DATASOURCE:
            yield f"query {target['refId']} must use the chosen data source"
        if panel["type"] == "heatmap" and target.get("format") != "heatmap":
            yield f"query {target['refId']} must have the format heatmap"
        for words in check_expr(target["expr"]):
            yield f"query {target['refId']}: {words}"


def documented(text):
    """Name -> (labels, labels of its groups) of every metric in the table of docs/metrics.md."""
    rows = re.findall(r"^\| `((?:tcpperf|process)_\w+)` \|[^|]*\|[^|]*\|([^|]*)\|([^|]*)\|", text, re.M)

    def group_labels(name, probe):
        if probe.strip(" `") in NEVER_GROUPED_PROBES or name in NEVER_GROUPED:
            return set()
        return LISTENER_LABELS if name.startswith("tcpperf_listener_") else GROUP_LABELS
    return {name: (set(re.findall(r"\w+", labels)), group_labels(name, probe)) for name, labels, probe in rows}


def check_documented(dashboard, text):
    known = documented(text)
    for query in queries_of(dashboard):
        title, expr = query["title"], query["expr"]
        labels_here = set(OTHER_LABELS)
        for name, selector, window in METRIC.findall(expr):
            entry = known.get(name) or known.get(re.sub(r"_(bucket|sum|count)$", "", name))
            if entry is None:
                yield f"{title}: {name} is not a metric of tcpperf"
                continue
            labels, grouped = entry
            labels = labels | grouped | OTHER_LABELS
            labels_here |= labels
            for label in set(MATCHER.findall(selector)) - labels:
                yield f"{title}: {name} has no label {label}"
            if grouped and window:
                if not WITHOUT_OTHER.search(selector) and not OTHER.search(selector):
                    yield f"{title}: {name} does not say what becomes of other"
                if OTHER.search(selector) and f"{selector}{window}){UNLESS_RETIRED}" not in expr:
                    yield f"{title}: {name} shows other while a group is retired"
        for clause in BY.findall(expr):
            for label in {word.strip() for word in clause.split(",")} - labels_here:
                yield f"{title}: no metric of it has a label {label}"


def check_syntax(dashboard, promtool):
    """promtool reads rules files, so every query becomes a rule in one that is thrown away."""
    rules = [{"record": f"panel_{q['panel']}:query_{q['ref']}", "expr": q["expr"]} for q in queries_of(dashboard)]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "rules.json"  # JSON is YAML
        file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
        result = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True)
    if result.returncode != 0:
        yield f"promtool: {result.stdout}{result.stderr}".strip()


def check(dashboard):
    yield from check_frame(dashboard)
    yield from check_variables(dashboard)
    yield from check_layout(dashboard)
    for annotation in dashboard["annotations"]["list"]:
        for words in check_expr(annotation["expr"]):
            yield f"annotation {annotation['name']}: {words}"
    for panel in panels_of(dashboard):
        for words in check_panel(panel):
            yield f"{panel['title']}: {words}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("dashboard", type=pathlib.Path)
    arguments.add_argument("--promtool")
    arguments.add_argument("--metrics", type=pathlib.Path)
    arguments.add_argument("--queries", action="store_true")
    given = arguments.parse_args()

    dashboard = json.loads(given.dashboard.read_text())
    if given.queries:
        print(json.dumps(queries_of(dashboard), indent=2))
        return 0
    findings = list(check(dashboard))
    if given.promtool:
        findings += check_syntax(dashboard, given.promtool)
    if given.metrics:
        findings += check_documented(dashboard, given.metrics.read_text())
    for finding in findings:
        print(finding)
    count = len(queries_of(dashboard))
    print(f"dashboard: {len(list(panels_of(dashboard)))} panels, {count} queries, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())

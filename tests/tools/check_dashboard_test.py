#!/usr/bin/env python3
"""The dashboard check notices when the dashboard is spoilt: one change at a time, one finding that names it."""
import copy
import json
import pathlib
import unittest

import check_dashboard

ROOT = pathlib.Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "dashboards/grafana/tcpperf.json").read_text())
# As docs/metrics.md has it, which is generated and need not be there.
DOCUMENTED = """
| `tcpperf_rtt_seconds` | histogram | seconds | `perspective` | `rtt` | Words. |
| `tcpperf_connections` | gauge | connections | `state` | `state` | Words. |
| `tcpperf_groups_retired_total` | counter | | `group_by`, `budget`, `of` | the daemon itself | Words. |
"""
HOSTS = 'job=~"$job", instance=~"$instance"'
UNLESS_RETIRED = f"unless on (job, instance) increase(tcpperf_groups_retired_total{{{HOSTS}}}[$__rate_interval]) > 0"


def panel(dashboard, kind):
    return next(p for p in check_dashboard.panels_of(dashboard) if p["type"] == kind)


def replace_in_first_query(old, new):
    def spoil(dashboard):
        target = panel(dashboard, "timeseries")["targets"][0]
        assert old in target["expr"]
        target["expr"] = target["expr"].replace(old, new)
    return spoil


# (what is spoilt, how, words of a finding)
SPOILT = [
    ("schema", lambda d: d.update(schemaVersion=36), "schemaVersion is 36"),
    ("uid", lambda d: d.pop("uid"), "uid is None"),
    ("inputs", lambda d: d.update(__inputs=[]), "__inputs"),
    ("no instance variable", lambda d: d["templating"]["list"].pop(), "variables are"),
    ("data source label", lambda d: d["templating"]["list"][0].update(label="Source"), "labelled"),
    ("service variable", lambda d: d["templating"]["list"][3].update(allValue=".+"), "all of them as '.*'"),
    ("role variable", lambda d: d["templating"]["list"][4]["query"].update(query="x"), "variable role must be"),
    ("job variable", lambda d: d["templating"]["list"][1].update(allValue=".*"), "several values"),
    ("instance query", lambda d: d["templating"]["list"][2]["query"].update(query="x"), "variable instance must be"),
    ("same id", lambda d: d["panels"][1].update(id=d["panels"][0]["id"]), "is used twice"),
    ("overlap", lambda d: d["panels"][1]["gridPos"].update(y=0), "overlaps"),
    ("too wide", lambda d: d["panels"][0]["gridPos"].update(w=25), "24 columns"),
    ("order", lambda d: d["panels"].insert(0, d["panels"].pop(1)), "must be the RTT heatmap"),
    ("description", lambda d: panel(d, "stat").update(description="A number."), "needs a description"),
    ("unit", lambda d: panel(d, "stat")["fieldConfig"]["defaults"].pop("unit"), "has no unit"),
    ("axis unit", lambda d: panel(d, "heatmap")["options"]["yAxis"].pop("unit"), "on its axis"),
    ("data source", lambda d: panel(d, "table").update(datasource=None), "the chosen data source"),
    ("query's data source", lambda d: panel(d, "table")["targets"][0].pop("datasource"), "query A must use"),
    ("no query", lambda d: panel(d, "table").update(targets=[]), "has no query"),
    ("refId", lambda d: panel(d, "timeseries")["targets"][1].update(refId="A"), "same refId"),
    ("heatmap format", lambda d: panel(d, "heatmap")["targets"][0].pop("format"), "format heatmap"),
    ("job", replace_in_first_query('job=~"$job", ', ""), "lacks job"),
    ("instance", replace_in_first_query(', instance=~"$instance"', ""), "lacks instance"),
    ("fixed range", replace_in_first_query("$__rate_interval", "5m"), "counts up"),
    ("no range", replace_in_first_query("[$__rate_interval]", ""), "counts up"),
    ("delta", replace_in_first_query("rate(", "delta("), "outside rate and increase"),
    ("gauge with a range", replace_in_first_query("_bucket", ""), "is a gauge"),
    ("variable", replace_in_first_query("0.5", "$quantile"), "nobody fills in"),
    ("annotation", lambda d: d["annotations"]["list"][0].update(expr="tcpperf_alert_active"), "annotation Alerts"),
]


class Dashboard(unittest.TestCase):
    def test_the_dashboard_itself_is_clean(self):
        self.assertEqual(list(check_dashboard.check(DASHBOARD)), [])

    def test_each_spoilt_thing_is_found(self):
        for what, spoil, words in SPOILT:
            with self.subTest(what):
                dashboard = copy.deepcopy(DASHBOARD)
                spoil(dashboard)
                findings = list(check_dashboard.check(dashboard))
                self.assertTrue(any(words in f for f in findings), findings)

    def findings_of(self, expr):
        dashboard = {"panels": [{"id": 1, "type": "stat", "title": "Panel", "targets": [{"refId": "A", "expr": expr}]}]}
        return list(check_dashboard.check_documented(dashboard, DOCUMENTED))

    def test_metrics_and_labels_that_are_documented_are_good(self):
        for expr in (
                f'sum by (le, perspective) (rate(tcpperf_rtt_seconds_bucket{{{HOSTS}, service_port!="other"}}[1m]))',
                f'sum by (service_port) (rate(tcpperf_rtt_seconds_count{{role=~"$role", service_port!="other"}}[1m]))',
                f'sum by (instance, state) (tcpperf_connections{{{HOSTS}, state!="listen"}})',
                f"sum by (instance, state) (tcpperf_connections{{{HOSTS}, state!=\"listen\"}})",
                f"sum by (budget) (rate(tcpperf_groups_retired_total{{{HOSTS}}}[1m]))"):
            with self.subTest(expr):
                self.assertEqual(self.findings_of(expr), [])

    def test_metrics_and_labels_that_are_not_documented_are_found(self):
        for expr, words in (
                ("tcpperf_rtt_second", "tcpperf_rtt_second is not a metric"),
                ('tcpperf_connections{service_port="443"}', "tcpperf_connections has no label service_port"),
                ('tcpperf_rtt_seconds{state="listen"}', "tcpperf_rtt_seconds has no label state"),
                ("sum by (perspective) (tcpperf_connections)", "no metric of it has a label perspective"),
                ('rate(tcpperf_groups_retired_total{role="client"}[1m])', "has no label role")):
            with self.subTest(expr):
                findings = self.findings_of(expr)
                self.assertTrue(any(words in f for f in findings), findings)

    def test_a_rate_that_jumps_when_a_group_is_retired_is_found(self):
        for expr, words in (
                ("rate(tcpperf_rtt_seconds_count[1m])", "does not say what becomes of other"),
                ('rate(tcpperf_rtt_seconds_count{role="client"}[1m])', "does not say what becomes of other"),
                ('rate(tcpperf_rtt_seconds_count{service_port="other"}[1m])', "shows other while a group is retired")):
            with self.subTest(expr):
                findings = self.findings_of(expr)
                self.assertTrue(any(words in f for f in findings), findings)

    def test_the_dashboard_asks_for_nothing_that_is_not_documented(self):
        text = (ROOT / "docs/metrics.md").read_text()
        self.assertEqual(list(check_dashboard.check_documented(DASHBOARD, text)), [])

    def test_promtool_finds_a_query_it_cannot_parse(self):
        dashboard = copy.deepcopy(DASHBOARD)
        replace_in_first_query("sum by", "summ by")(dashboard)
        self.assertTrue(list(check_dashboard.check_syntax(dashboard, "promtool")))
        self.assertEqual(list(check_dashboard.check_syntax(DASHBOARD, "promtool")), [])


if __name__ == "__main__":
    unittest.main()

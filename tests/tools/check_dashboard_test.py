#!/usr/bin/env python3
"""The dashboard check notices when the dashboard is spoilt: one change at a time, one finding that names it."""
import copy
import json
import pathlib
import shutil
import unittest

import check_dashboard

DASHBOARD = json.loads((pathlib.Path(__file__).parents[2] / "dashboards/grafana/tcpperf.json").read_text())


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

    def test_a_metric_that_is_not_documented_is_found(self):
        exprs = [q["expr"] for q in check_dashboard.queries_of(DASHBOARD)]
        names = {n for expr in exprs for n, _, _ in check_dashboard.METRIC.findall(expr)}
        documented = {n.removesuffix("_bucket") for n in names}
        self.assertEqual(list(check_dashboard.check_documented(DASHBOARD, " ".join(documented))), [])
        findings = list(check_dashboard.check_documented(DASHBOARD, " ".join(documented - {"tcpperf_rtt_seconds"})))
        self.assertTrue(findings)
        self.assertTrue(all("tcpperf_rtt_seconds_bucket is not a metric" in f for f in findings), findings)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_finds_a_query_it_cannot_parse(self):
        dashboard = copy.deepcopy(DASHBOARD)
        replace_in_first_query("sum by", "summ by")(dashboard)
        self.assertTrue(list(check_dashboard.check_syntax(dashboard, "promtool")))
        self.assertEqual(list(check_dashboard.check_syntax(DASHBOARD, "promtool")), [])


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The page of the kernels: what changes it and what does not, and what is called a failure."""
import copy
import unittest

import expectations
import page


def result(kernel, hooks=tuple(expectations.HOOKS), **more):
    probes = [{"name": name, "status": "ok", "reason": "", "programs": []} for name in expectations.PROBES]
    check = {"subject": "delay", "name": "median", "measured": "96.39 to 105.1 ms", "expected": "100 ms",
             "truth": "netem", "result": "passed"}
    return {"kernel": kernel, "release": kernel + ".3-amd64", "seconds": 7, "checks": [check],
            "probes": {"shipped": copy.deepcopy(probes), "all": copy.deepcopy(probes)},
            "hooks": {"shipped": list(expectations.SHIPPED), "all": list(hooks)}, **more}


class Page(unittest.TestCase):
    def facts(self, *results):
        return page.facts(page.write(list(results)))

    def test_numbers_and_patch_levels_are_no_difference(self):
        other = result("6.12", release="6.12.99-3-amd64")
        other["checks"][0]["measured"] = "105.1 to 114.6 ms"
        self.assertEqual(self.facts(result("6.12")), self.facts(other))

    def test_a_hook_that_is_gone_is_a_difference_of_its_kernel_alone(self):
        before = self.facts(result("6.1"), result("6.12"))
        after = self.facts(result("6.1"), result("6.12", hooks=tuple(expectations.HOOKS)[1:]))
        self.assertEqual(before["6.1"], after["6.1"])
        self.assertIn("Hooks: `on_ack`: no", after["6.12"] - before["6.12"])
        self.assertIn("What is missing: hooks; `on_ack`", after["6.12"])

    def test_a_status_a_reason_and_a_value_that_is_not_here_are_differences(self):
        before = self.facts(result("7.x"))
        other = result("7.x")
        other["probes"]["all"][0].update(status="failed", reason="it | is not there")
        other["checks"][0]["result"] = "not here"
        gained = self.facts(other)["7.x"] - before["7.x"]
        self.assertIn("Probes: `rtt`: `failed`", gained)
        self.assertIn("What is missing: `rtt`: `failed`; it \\| is not there", gained)
        self.assertIn("Delay: median: *not here*", gained)

    def test_what_one_kernel_is_asked_alone_is_no_difference_of_the_others(self):
        asked = result("6.18")
        asked["checks"].append({**asked["checks"][0], "name": "by a program between TUN devices"})
        together = self.facts(result("6.1"), asked)
        self.assertEqual(together["6.1"], self.facts(result("6.1"))["6.1"])
        self.assertIn("Delay: by a program between TUN devices: measured", together["6.18"])

    def test_a_failed_check_and_a_kernel_that_was_not_reached_are_problems(self):
        self.assertEqual(page.problems(result("6.1")), [])
        self.assertEqual(page.outcome(result("6.1")), "passed: 1 checks passed")
        other = result("6.1")
        other["checks"][0]["result"] = "failed"
        self.assertEqual(page.problems(other), ["delay: median: 96.39 to 105.1 ms, expected 100 ms"])
        self.assertTrue(page.outcome(other).startswith("failed: 1 of the checks"))
        self.assertEqual(page.problems({"kernel": "6.1", "error": "no mirror"}), ["no mirror"])

    def test_what_was_repeated_is_told_and_is_no_difference(self):
        other = result("6.1", repeated={"loss": 2})
        self.assertEqual(page.outcome(other), "passed: 1 checks passed; loss repeated 2 times")
        self.assertEqual(self.facts(other), self.facts(result("6.1")))


if __name__ == "__main__":
    unittest.main()

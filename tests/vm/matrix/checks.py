"""What is compared: name, measured, expected, where the expectation is from, and how it came out."""


class Checks:
    def __init__(self, missing=None):
        """`missing`: see expectations.py."""
        self.found = []
        self.subject = ""
        self._missing = missing or {}

    def failed(self, since=0):
        return [check for check in self.found[since:] if check["result"] == "failed"]

    def say(self, since):
        for check in self.found[since:]:
            sign = {"passed": "  ok", "failed": "  FAILED", "not here": "  not here"}[check["result"]]
            print(f"{sign}: {check['subject']}: {check['name']}: {check['measured']}, expected "
                  f"{check['expected'] or '-'} ({check['truth']})", flush=True)

    def _add(self, name, measured, expected, truth, result):
        instead, why = self._missing.get(f"{self.subject}: {name}", (None, ""))
        if result == "failed" and measured == instead:
            truth, result = why, "not here"
        self.found.append({"subject": self.subject, "name": name, "measured": measured, "expected": expected,
                           "truth": truth, "result": result})

    def equal(self, name, measured, expected, truth):
        """What is not there (None) is not equal."""
        passed = measured is not None and measured == expected
        self._add(name, text(measured), text(expected), truth, "passed" if passed else "failed")

    def within(self, name, measured, low, high, truth):
        """A border that is None is none; one whose source is missing has to be told apart by the caller."""
        passed = measured is not None and (low is None or low <= measured) and (high is None or measured <= high)
        words = f"{text(low)} or more" if high is None else f"at most {text(high)}" if low is None else \
            f"{text(low)} to {text(high)}"
        self._add(name, text(measured), words, truth, "passed" if passed else "failed")

    def quantile(self, name, histogram, q, low, high, truth):
        """The bucket of the quantile, in milliseconds, touches what is expected, or is next to it: values that are a
        little larger than the border of a bucket are in the next."""
        found = histogram.quantile(q) if histogram and histogram.count else None
        words, passed = "nothing", False
        if found:
            words = f"{ms(found[0])} to {ms(found[1])} ms"
            width = found[1] - found[0]
            passed = found[0] - width <= high and low <= found[1] + width
        self._add(name, words, f"{ms(low)} ms" if low == high else f"{ms(low)} to {ms(high)} ms", truth,
                  "passed" if passed else "failed")

    def not_here(self, name, why):
        self._add(name, "not here", "", why, "not here")

    def broken(self, error):
        self._add("the workload runs to its end", f"{type(error).__name__}: {error}".splitlines()[0][:200], "no error",
                  "the workload", "failed")


def text(value):
    if value is None:
        return "nothing"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.4f}".rstrip("0")
    return f"{value:,.0f}" if isinstance(value, (int, float)) else str(value)


def ms(seconds):
    return f"{seconds * 1000:.4g}"

"""usage: check_protobuf.py PRINTER: Google's decoder must read our protobuf pages, with nothing in them that it does
not know, and find in them what the text page says, number for number."""

import math
import pathlib
import subprocess
import sys
import tempfile

from prometheus_client import parser

HERE = pathlib.Path(__file__).resolve().parent
SEEDS = range(1, 41)


def load_messages():
    """The classes that protoc makes of metrics.proto."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["protoc", f"--proto_path={HERE}", f"--python_out={folder}", "metrics.proto"], check=True)
        sys.path.insert(0, folder)
        import metrics_pb2
        return metrics_pb2


def page(*arguments):
    return subprocess.run([sys.argv[1], *map(str, arguments)], check=True, stdout=subprocess.PIPE).stdout


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def families(messages, data):
    at = 0
    while at < len(data):
        length, at = varint(data, at)
        raw = data[at:at + length]
        at += length
        family = messages.MetricFamily.FromString(raw)
        # Fields that are not in metrics.proto would come last, padded numbers would be shorter.
        expect(f"{family.name}: written again", family.SerializeToString(), raw)
        yield family


def expect(what, actual, wanted):
    if actual != wanted:
        sys.exit(f"{what}:\n  is     {actual}\n  should {wanted}")


def native_buckets(histogram):
    """index -> observations"""
    buckets = {}
    index = count = 0
    deltas = iter(histogram.positive_delta)
    for span in histogram.positive_span:
        index += span.offset
        for _ in range(span.length):
            count += next(deltas)
            buckets[index] = count
            index += 1
    expect("deltas without a span", list(deltas), [])
    return buckets


def check_native(where, histogram, le_buckets):
    buckets = native_buckets(histogram)
    expect(f"{where}: schema", histogram.schema, 3)
    expect(f"{where}: zero threshold", histogram.zero_threshold, 2.0**-128)
    expect(f"{where}: observations", histogram.zero_count + sum(buckets.values()), histogram.sample_count)
    expect(f"{where}: is known for native", len(histogram.positive_span) > 0, True)
    below = histogram.zero_count
    rest = sorted(buckets.items())
    for border, count in le_buckets:
        last = round(math.log2(border) * 8) if math.isfinite(border) else math.inf
        while rest and rest[0][0] <= last:
            below += rest.pop(0)[1]
        expect(f"{where}: observations up to {border}", below, count)


def text_series(family):
    """labels without le -> {suffix: value}, with the buckets as a list"""
    series = {}
    for sample in family.samples:
        labels = dict(sample.labels)
        border = labels.pop("le", None)
        values = series.setdefault(tuple(labels.items()), {"_bucket": []})
        suffix = sample.name[len(family.name):]
        if border is None:
            values[suffix] = sample.value
        else:
            values["_bucket"].append((float(border), sample.value))
    return series


def check_series(messages, family, metric, values):
    where = f"{family.name}{ {label.name: label.value for label in metric.label} }"
    kind = messages.MetricType.Name(family.type).lower()
    expect(f"{where}: kind", [field.name for field, _ in metric.ListFields() if field.name != "label"], [kind])
    if kind == "histogram":
        histogram = metric.histogram
        expect(f"{where}: sum", histogram.sample_sum, values["_sum"])
        # Text of 2^53 and more is read as a double.
        expect(f"{where}: count", float(histogram.sample_count), values["_count"])
        classic = [(bucket.upper_bound, float(bucket.cumulative_count)) for bucket in histogram.bucket]
        expect(f"{where}: buckets", [*classic, (math.inf, values["_count"])], values["_bucket"])
        check_native(where, histogram, [(bucket.upper_bound, bucket.cumulative_count) for bucket in histogram.bucket])
    else:
        suffix = "_total" if kind == "counter" else ""
        expect(f"{where}: value", getattr(metric, kind).value, values[suffix])


def check(messages, *arguments):
    text = {family.name: family for family in parser.text_string_to_metric_families(page("text", *arguments).decode())}
    units = dict(line.split()[2:] for line in page("openmetrics", *arguments).decode().splitlines()
                 if line.startswith("# UNIT "))
    found = 0
    read = list(families(messages, page("protobuf", *arguments)))
    base_names = [family.name.removesuffix("_total") if family.type == messages.COUNTER else family.name
                  for family in read]
    expect("families", base_names, list(text))
    for base_name, family in zip(base_names, read):
        plain = text[base_name]
        expect(f"{base_name}: type", messages.MetricType.Name(family.type).lower(), plain.type)
        expect(f"{base_name}: help", family.help, plain.documentation)
        expect(f"{base_name}: unit", family.unit, units.get(base_name, ""))
        series = text_series(plain)
        labels = [tuple((label.name, label.value) for label in metric.label) for metric in family.metric]
        expect(f"{base_name}: labels", labels, list(series))
        for metric, values in zip(family.metric, series.values()):
            check_series(messages, family, metric, values)
            found += 1
    return found


def main():
    messages = load_messages()
    expect("series of the sample page", check(messages), 12)
    found = sum(check(messages, 2 ** (seed % 4), seed) for seed in SEEDS)
    expect("many random series", found > 1000, True)
    print(f"{found} random series in protobuf and in text are the same")


main()

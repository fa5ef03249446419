# SPDX-License-Identifier: Apache-2.0
"""The Prometheus text exposition format, version 0.0.4, read strictly.

What promtool check metrics would refuse raises here: samples without TYPE, families that are not in
one piece, duplicate series, counters without _total, histograms whose buckets do not grow or do not
agree with their count.
"""
import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? ([^ ]+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


class BadMetrics(AssertionError):
    """The text breaks the format."""


class Metrics:
    def __init__(self, text):
        self.types, self.helps, self.samples = {}, {}, {}
        self._family = None
        if not text.endswith("\n"):
            raise BadMetrics("the last line has no end")
        for number, line in enumerate(text.split("\n")[:-1], 1):
            try:
                self._line(line)
            except BadMetrics as error:
                raise BadMetrics(f"line {number}: {error}: {line!r}") from None
        self._check_names()
        self._check_histograms()

    def _line(self, line):
        if line.startswith("# HELP "):
            name, _, text = line[7:].partition(" ")
            self._enter(name)
            if name in self.helps or not text:
                raise BadMetrics("HELP twice or empty")
            self.helps[name] = text
        elif line.startswith("# TYPE "):
            name, _, kind = line[7:].partition(" ")
            self._enter(name)
            if name in self.types or kind not in ("counter", "gauge", "histogram", "summary"):
                raise BadMetrics("TYPE twice or unknown")
            self.types[name] = kind
        elif line.startswith("#") or not line:
            pass
        else:
            self._sample(line)

    def _enter(self, name):
        if name != self._family and (name in self.types or name in self.helps):
            raise BadMetrics("a family in several pieces")
        self._family = name

    def _sample(self, line):
        match = SAMPLE.match(line)
        if not match:
            raise BadMetrics("no sample")
        name, text, value = match.groups()
        base = name
        if self.types.get(self._family) == "histogram":
            base = re.sub(r"_(bucket|sum|count)$", "", name)
        if base != self._family or base not in self.types:
            raise BadMetrics("a sample outside its family, or without TYPE")
        labels, at = [], 0
        while text and at < len(text):
            label = LABEL.match(text, at)
            if not label:
                raise BadMetrics("bad labels")
            labels.append(label.groups())
            at = label.end()
        key = (name, frozenset(labels))
        if len(dict(labels)) != len(labels) or key in self.samples:
            raise BadMetrics("a label or a series twice")
        self.samples[key] = float(value.replace("Inf", "inf"))

    def _check_names(self):
        for name, kind in self.types.items():
            if name not in self.helps:
                raise BadMetrics(f"{name} has no HELP")
            if (kind == "counter") != name.endswith("_total"):
                raise BadMetrics(f"{name} is a {kind}")
        for (name, _), value in self.samples.items():
            if self.types.get(name) == "counter" and not value >= 0:
                raise BadMetrics(f"{name} is {value}")

    def _check_histograms(self):
        for family in [name for name, kind in self.types.items() if kind == "histogram"]:
            series = {}
            for (name, labels), value in self.samples.items():
                if name == family + "_bucket":
                    rest = frozenset(label for label in labels if label[0] != "le")
                    bound = float(dict(labels)["le"].replace("Inf", "inf"))
                    series.setdefault(rest, []).append((bound, value))
            for rest, buckets in series.items():
                counts = [count for _, count in sorted(buckets)]
                if sorted(buckets)[-1][0] != math.inf or counts != sorted(counts):
                    raise BadMetrics(f"{family}{set(rest)}: buckets do not grow up to +Inf")
                if counts[-1] != self.samples.get((family + "_count", rest)):
                    raise BadMetrics(f"{family}{set(rest)}: count is not the last bucket")
                if (family + "_sum", rest) not in self.samples:
                    raise BadMetrics(f"{family}{set(rest)}: no sum")

    def get(self, name, **labels):
        """The sum of the series of `name` that have these labels; 0 if there is none."""
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        if name not in self.types and self.types.get(family) != "histogram":
            raise KeyError(f"there is no metric {name}")
        wanted = set(labels.items())
        return sum(value for (key, have), value in self.samples.items()
                   if key == name and wanted <= have)

    def series(self, name, label):
        """{value of the label: value of the sample} of one family."""
        if name not in self.types:
            raise KeyError(f"there is no metric {name}")
        result = {}
        for (key, have), value in self.samples.items():
            if key == name:
                what = dict(have)[label]
                result[what] = result.get(what, 0) + value
        return result

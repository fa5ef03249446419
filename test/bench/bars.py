# SPDX-License-Identifier: Apache-2.0
"""What sluice is to reach: ratios to the best peer of the same run, and limits of its own."""
import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Bar:
    line: str
    limit: float
    kind: str  # "ratio" to the best peer, at most; "most", "least": of sluice's own figure


BARS = [
    Bar("full-ecdsa", 0.8, "ratio"),
    Bar("full-rsa", 0.95, "ratio"),
    Bar("resumed", 0.75, "ratio"),
    Bar("small", 0.9, "ratio"),
    Bar("medium", 0.9, "ratio"),
    Bar("download", 0.8, "ratio"),
    Bar("upload", 0.8, "ratio"),
    Bar("upload-chunked", 0.8, "ratio"),
    Bar("idle", 0.3, "ratio"),
    Bar("idle", 8192, "most"),
    Bar("silent", 1024, "most"),
    Bar("stalled", 2560, "most"),
    Bar("held-throughput", 0.98, "least"),
    Bar("held-p99", 1.1, "most"),  # "unchanged", within what a measurement of it varies by
    Bar("download-slow-client", 2, "most"),
    Bar("download-slow-app", 2, "most"),
    Bar("upload-slow-client", 2, "most"),
    Bar("upload-slow-app", 2, "most"),
]


def ratios(line, figures):
    """sluice's figure over each peer's, round by round: {peer: [ratio]}, the best peer first.
    Medians of a noisy machine differ by what else ran, two neighbours in one round less so."""
    if not figures.get("sluice") or not line.is_compared:
        return {}
    others = sorted((k for k, v in figures.items() if k != "sluice" and v),
                    key=lambda k: statistics.median(figures[k]))
    return {k: [a / b for a, b in zip(figures["sluice"], figures[k])] for k in others
            if all(b > 0 for b in figures[k])}


def best_peer(line, figures):
    """Its key, or None; of throughputs the best is the largest."""
    others = {k: statistics.median(v) for k, v in figures.items() if k != "sluice" and v}
    if not others:
        return None
    return (max if line.is_more_better else min)(others, key=others.get)


@dataclasses.dataclass(frozen=True)
class Verdict:
    bar: Bar
    line: object
    best: str  # key of the best peer
    values: list  # what is held against the bar, of each round
    is_met: bool


def judge(lines, results):
    """A verdict for each bar that something was measured for. The median counts; of memory, which
    does not depend on what else runs on the machine, the worst."""
    verdicts = []
    for bar in BARS:
        line = next((x for x in lines if x.name == bar.line), None)
        figures = results.get(bar.line, {})
        if line is None or not figures.get("sluice"):
            continue
        best = best_peer(line, figures)
        values = figures["sluice"] if bar.kind != "ratio" else ratios(line, figures).get(best)
        if not values:
            continue
        value = max(values) if line.is_memory else statistics.median(values)
        is_met = value >= bar.limit if bar.kind == "least" else value <= bar.limit
        verdicts.append(Verdict(bar, line, best, values, is_met))
    return verdicts

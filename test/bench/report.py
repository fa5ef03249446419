# SPDX-License-Identifier: Apache-2.0
"""The table and the JSON of a run."""
import json
import statistics

MARGIN = 21


def ratios(work, values):
    """sluice's figure over each peer's, round by round: {peer: [ratio]}, the best peer first.
    Medians of a noisy machine differ by what else ran, two neighbours in one round less so."""
    if not values.get("sluice") or not work.is_compared:
        return {}
    others = sorted((k for k in values if k != "sluice"),
                    key=lambda k: statistics.median(values[k]))
    return {k: [a / b for a, b in zip(values["sluice"], values[k])] for k in others}


def summary(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "values": values}


def number(x):
    digits = 0 if abs(x) >= 1000 else 1 if abs(x) >= 100 else 2
    return f"{x:.{digits}f}"


def table(works, results):
    lines = [f"{'':{MARGIN}} {'':12} {'median':>9} {'min':>9} {'max':>9}  unit"]
    for work in works:
        values = results[work.name]
        for i, (key, figures) in enumerate(values.items()):
            name = work.name if i == 0 else ""
            row = " ".join(f"{number(x):>9}" for x in
                           (statistics.median(figures), min(figures), max(figures)))
            lines.append(f"{name:{MARGIN}} {key:12} {row}  {work.unit}")
        for key, figures in ratios(work, values).items():
            row = " ".join(f"{number(x):>9}" for x in
                           (statistics.median(figures), min(figures), max(figures)))
            lines.append(f"{'':{MARGIN}} {'ratio':12} {row}  sluice / {key}")
    return "\n".join(lines)


def broken_bars(works, results):
    """Sentences about sluice's figures over a bar that holds on any machine."""
    return [f"{work.name}: {number(max(figures))} {work.unit}, the bar is {number(work.bar)}"
            for work in works
            if work.bar and (figures := results[work.name].get("sluice"))
            and max(figures) >= work.bar]


def write_json(path, facts, works, results):
    document = dict(facts, works={
        work.name: {
            "title": work.title, "unit": work.unit, "bar": work.bar,
            "peers": {key: summary(figures) for key, figures in results[work.name].items()},
            "ratios": {key: summary(figures)
                       for key, figures in ratios(work, results[work.name]).items()},
        } for work in works})
    path.write_text(json.dumps(document, indent=2) + "\n")

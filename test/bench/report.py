# SPDX-License-Identifier: Apache-2.0
"""The report of a run: as text for a terminal, as Markdown, and as JSON."""
import json
import statistics

from bars import best_peer, judge, ratios


def number(x, more=0):
    digits = 0 if abs(x) >= 1000 else 1 if abs(x) >= 100 else 2
    return f"{x:,.{digits + more}f}"


def spread(values, more=0):
    """median (min-max), or the one figure; `more` digits than usual."""
    middle = number(statistics.median(values), more)
    return middle if len(values) == 1 else f"{middle} ({number(min(values))}-{number(max(values))})"


def verdict_row(v, figures):
    """How sluice stands to one bar; with a digit more where it would look equal."""
    is_ratio = v.bar.kind == "ratio"
    best = f"{v.best} {number(statistics.median(figures[v.best]))}" if v.best else "-"
    looks_equal = number(statistics.median(v.values)) == number(v.bar.limit)
    held, limit = spread(v.values, more=int(looks_equal)), number(v.bar.limit)
    sign = "at least" if v.bar.kind == "least" else "at most"
    return [v.line.title, best, f"{number(statistics.median(figures['sluice']))} {v.line.unit}",
            f"{held} x the best peer" if is_ratio else held,
            f"{sign} {limit}" if is_ratio else f"{sign} {limit} {v.line.unit}",
            "met" if v.is_met else "MISSED"]


def summary(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "values": values}


def bar_rows(lines, results):
    """The table of what is to be reached."""
    rows = [["work", "best peer", "sluice", "held against the bar", "bar", ""]]
    rows += [verdict_row(v, results[v.line.name]) for v in judge(lines, results)]
    return rows


def figure_rows(lines, results, peers):
    """All figures, a line of the report each, and sluice's ratio to the best peer."""
    rows = [["part", "work", "unit", *peers, "sluice / best peer"]]
    for line in lines:
        figures = results.get(line.name, {})
        if not any(figures.values()):
            continue
        best = best_peer(line, figures)
        ratio = ratios(line, figures).get(best)
        rows.append([line.name, line.title, line.unit,
                     *(spread(figures[k]) if figures.get(k) else "-" for k in peers),
                     spread(ratio) if ratio else "-"])
    return rows


def as_text(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip()
                     for row in rows)


def as_markdown(rows):
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def machine(facts):
    lines = [f"{facts['processor']}, {facts['n_cores']} cores, kernel {facts['kernel']}, "
             f"{facts['system']}"]
    lines += [f"{key}: {text}" for key, text in facts["versions"].items()]
    lines.append(f"cipher suites: {facts['cipher']}; key exchange: X25519; "
                 f"congestion control: {facts['congestion']}")
    if facts["load_average"] > 0.5:
        lines.append(f"the machine was busy with other work before it began (load "
                     f"{facts['load_average']:.1f}): the ratios say more than the figures, and the "
                     "attacks say little")
    lines.append(f"tree {facts['tree']}, {facts['started']}, {facts['rounds']} rounds, "
                 f"{facts['minutes']:.0f} minutes: `{facts['command']}`")
    return lines


def text(facts, lines, results):
    parts = ["\n".join(machine(facts)), as_text(figure_rows(lines, results, facts["peers"]))]
    bars = bar_rows(lines, results)
    if len(bars) > 1:
        parts.append(as_text(bars))
    return "\n\n".join(parts)


def markdown(facts, lines, results, has_plot):
    parts = ["# Measured figures", "Written by `test/bench/run`; [README.md](README.md) says how to read "
             "it. Less is better unless it is a throughput; a figure is the median (with minimum and "
             "maximum) of the rounds.",
             "\n".join(f"- {line}" for line in machine(facts))]
    if has_plot:
        parts.append("![sluice's figures over those of the best peer](results.svg)")
    bars = bar_rows(lines, results)
    if len(bars) > 1:
        parts += ["## What is to be reached", as_markdown(bars)]
    parts += ["## All figures", as_markdown(figure_rows(lines, results, facts["peers"]))]
    return "\n\n".join(parts) + "\n"


def document(facts, lines, results):
    """For JSON: everything, of all rounds."""
    works = {}
    for line in lines:
        figures = {k: v for k, v in results.get(line.name, {}).items() if v}
        if figures:
            works[line.name] = {
                "title": line.title, "unit": line.unit,
                "peers": {key: summary(values) for key, values in figures.items()},
                "best_peer": best_peer(line, figures),
                "ratios": {key: summary(values) for key, values in ratios(line, figures).items()},
            }
    bars = [{"work": v.line.name, "kind": v.bar.kind, "limit": v.bar.limit, "best_peer": v.best,
             **summary(v.values), "is_met": v.is_met} for v in judge(lines, results)]
    return json.dumps(dict(facts, works=works, bars=bars), indent=2) + "\n"


def broken_bars(lines, results):
    """Sentences about memory over its bar: that holds on any machine, whatever else runs there."""
    return [f"{v.line.name}: {spread(v.values)}, the bar is {number(v.bar.limit)}"
            for v in judge(lines, results) if v.line.is_memory and not v.is_met]

# SPDX-License-Identifier: Apache-2.0
"""The table of what happened, system by system: as text, Markdown and JSON."""
import collections
import dataclasses
import json

from verdict import AS_WANTED, VERDICTS

SHORT = {"close_notify": "close"}


def ending(outcome):
    """"408 5.0", "RST 5.0": the first sign and its second."""
    if outcome.seconds is None:
        return ""
    word = outcome.first.removeprefix("status ")  # a number says what it is
    if word.startswith("alert "):
        word = "alert"
    return f"{SHORT.get(word, word)} {max(0, outcome.seconds):.1f}"


def cell(outcome):
    if outcome is None or outcome.verdict == "-":
        return "-"
    if outcome.verdict == AS_WANTED:
        return ending(outcome) or "ok"
    return f"{outcome.verdict}: {ending(outcome)}".rstrip(": ")


def names(results):
    """All cases, in the order in which they are first met."""
    return list(dict.fromkeys(name for outcomes in results.values() for name in outcomes))


def counts(outcomes):
    return collections.Counter(o.verdict for o in outcomes.values() if o.verdict != "-")


def text(results):
    systems = list(results)
    rows = [["case", *systems]]
    rows += [[name, *(("! " if is_bad(results[s].get(name)) else "") + cell(results[s].get(name))
                      for s in systems)] for name in names(results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows]
    lines.append("")
    for system in systems:
        sums = counts(results[system])
        lines.append(f"{system}: " + ", ".join(f"{n} {verdict}" for verdict, n in sums.most_common()))
    return "\n".join(lines)


def is_bad(outcome):
    return outcome is not None and outcome.verdict not in (AS_WANTED, "-")


def complaints(system, outcomes):
    for name, outcome in outcomes.items():
        if is_bad(outcome):
            yield f"{system}: {name}: {outcome.verdict}: {outcome.why}"
            yield f"    client's wire: {outcome.wire}"
            if outcome.upstream:
                yield f"    upstream's wire: {outcome.upstream}"
            for line in outcome.log:
                yield f"    log: {line}"


def as_json(about, results):
    return json.dumps({"about": about, "systems": {
        system: {name: dataclasses.asdict(outcome) for name, outcome in outcomes.items()}
        for system, outcomes in results.items()}}, indent=1)


def clean(value):
    return value.replace("|", "\\|").replace("\n", " ")


def markdown(about, results, notes):
    systems = list(results)
    lines = ["# Deadlines, system by system", "",
             f"`{about['command']}`, {about['date']}, kernel {about['kernel']}, "
             f"T = {about['timeout_s']:g} s, minimum rate {about['window_bytes']} bytes in each T.",
             "Written by the suite; [README.md](README.md) explains every case and how to read this.", "",
             "| | " + " | ".join(systems) + " |", "|---|" + "---|" * len(systems),
             "| version | " + " | ".join(about["versions"][s] for s in systems) + " |"]
    for verdict in [*VERDICTS, "wrongly counted"]:
        sums = [counts(results[s])[verdict] for s in systems]
        if verdict != "-" and any(sums):
            lines.append(f"| {verdict} | " + " | ".join(map(str, sums)) + " |")
    lines += ["", "A cell is what the client's wire saw first, and seconds after the clock of the phase "
              "began. What is not as wanted is **bold**; `-`: no such feature.", ""]
    group = None
    for name in names(results):
        first, _, rest = name.partition("/")
        if first != group:
            group = first
            lines += ["", f"## {group}", "", "| | " + " | ".join(systems) + " |",
                      "|---|" + "---|" * len(systems)]
        cells = []
        for system in systems:
            outcome = results[system].get(name)
            word = clean(cell(outcome))
            cells.append(f"**{word}**" if is_bad(outcome) else word)
        lines.append(f"| {rest} | " + " | ".join(cells) + " |")
    lines += ["", "## How each is configured", ""]
    lines += [f"- {system}: {notes[system]}" for system in systems if notes.get(system)]
    lines += ["", "## What was seen where it is not as wanted", ""]
    for system in systems:
        for name, outcome in results[system].items():
            if not is_bad(outcome):
                continue
            line = f"- {system}, `{name}`: {outcome.verdict}"
            line += f" ({outcome.why})" if outcome.why else ""
            line += f". Client: {outcome.wire}."
            if outcome.blamed:
                line += f" Its log blames: {', '.join(outcome.blamed)}."
            lines.append(line)
    return "\n".join(lines) + "\n"

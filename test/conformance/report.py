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


def blame(outcome):
    """Whom its log blames."""
    return " and ".join(outcome.blamed)


def cell_with_blame(outcome):
    """"408 5.0, client"."""
    word = cell(outcome)
    is_cut = outcome is not None and outcome.seconds is not None and outcome.blamed
    return f"{word}, {blame(outcome)}" if is_cut else word


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
             f"T = {about['timeout_s']:g} s, minimum rate {about['window_bytes']} bytes in each T, "
             f"the tree at commit {about['commit']}.",
             "Written by the suite; [README.md](README.md) explains every case and how to read this.", "",
             "| | " + " | ".join(systems) + " |", "|---|" + "---|" * len(systems),
             "| version | " + " | ".join(about["versions"][s] for s in systems) + " |"]
    for verdict in [*VERDICTS, "wrongly counted"]:
        sums = [counts(results[s])[verdict] for s in systems]
        if verdict != "-" and any(sums):
            lines.append(f"| {verdict} | " + " | ".join(map(str, sums)) + " |")
    lines += ["", "A cell is what the client's wire saw first, seconds after the clock of the phase began, and "
              "whom the proxy's log blames, where it blames somebody. What is not as wanted is **bold**; `-`: "
              "no such feature. At the end all of it: both wires to their end, and what was logged and counted.",
              ""]
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
            word = clean(cell_with_blame(outcome))
            cells.append(f"**{word}**" if is_bad(outcome) else word)
        lines.append(f"| {rest} | " + " | ".join(cells) + " |")
    lines += ["", "## How each is configured", ""]
    lines += [f"- {system}: {notes[system]}" for system in systems if notes.get(system)]
    lines += ["", "## Why it is not as wanted", ""]
    for system in systems:
        for name, outcome in results[system].items():
            if is_bad(outcome):
                why = f" ({clean(outcome.why)})" if outcome.why else ""
                lines.append(f"- {system}, `{name}`: {outcome.verdict}{why}.")
    for system in systems:
        lines += in_full(system, results[system])
    return "\n".join(lines) + "\n"


def logged(outcome):
    """Whom the log blames and in which words: of sluice, the phase."""
    return f"{blame(outcome)}: {', '.join(outcome.said)}" if outcome.said else "nothing"


def in_full(system, outcomes):
    """Everything that was seen of one system."""
    yield from ["", f"## {system}, in full", "",
                "| case | client's wire | upstream's wire | log blames |", "|---|---|---|---|"]
    for name, outcome in outcomes.items():
        if outcome.verdict == "-" or outcome.books:
            continue
        name = f"**{name}**" if is_bad(outcome) else name
        yield "| " + " | ".join([name, *map(clean, (outcome.wire, outcome.upstream or "nothing",
                                                    logged(outcome)))]) + " |"
    for outcome in outcomes.values():
        if outcome.books:
            yield from ["", "Expiries, of all but `drain`:", "",
                        "| phase | logged | seen by clients only | counted |", "|---|---|---|---|"]
            yield from (f"| {phase} | {n_logged} | {n_silent} | {n} |"
                        for phase, (n_logged, n_silent, n) in outcome.books.items())

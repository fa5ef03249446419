# SPDX-License-Identifier: Apache-2.0
"""The plot of a run, an SVG of its own: what sluice needs relative to the best peer, and what attacks
do to the lawful clients of each proxy. The scales are logarithmic, so that half and double are
equally far from 1."""
import math
import statistics
from html import escape

from bars import BARS, best_peer, ratios
from report import number

WIDTH, LEFT, RIGHT = 1080, 340, 300
ROW, HEADING = 26, 34
GOOD, BAD, INK, GREY, FAINT = "#0f766e", "#c2410c", "#1f2937", "#6b7280", "#e5e7eb"
PEER_COLOURS = {"sluice": GOOD, "nginx": "#2563eb", "nginx-tuned": "#60a5fa",
                "haproxy": "#9333ea", "haproxy-tuned": "#c084fc"}
FONT = "font-family='Inter,Segoe UI,Helvetica,Arial,DejaVu Sans,sans-serif'"
PANELS = ((
    ("CPU time: a new connection, one request, close",
     ("full-ecdsa", "full-rsa", "resumed", "full-ecdsa-12", "full-rsa-12", "resumed-12")),
    ("CPU time: requests on a connection", ("small", "medium")),
    ("CPU time: bodies", ("download", "upload", "upload-chunked")),
), (
    ("Resident memory per connection", ("silent", "stalled", "idle", "idle-12")),
))
ATTACK_ROWS = (("held-throughput", "throughput"), ("held-p50", "p50"), ("held-p99", "p99"),
               ("flood-throughput", "throughput"), ("flood-p50", "p50"), ("flood-p99", "p99"))


class Axis:
    """Logarithmic, from LEFT to WIDTH - RIGHT, with 1 on it and room at both ends."""

    def __init__(self, values):
        self.low = math.log2(min([*values, 0.6])) - 0.15
        self.high = math.log2(max([*values, 1.4])) + 0.15

    def x(self, value):
        share = (math.log2(value) - self.low) / (self.high - self.low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def ticks(self):
        if self.high - self.low <= 3.5:
            return [t for t in (0.25, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5, 2, 2.5, 3, 4)
                    if self.low <= math.log2(t) <= self.high]
        step = 1 + int(self.high - self.low) // 9
        return [2.0 ** p for p in range(math.ceil(self.low), math.floor(self.high) + 1)
                if p % step == 0]

    def draw(self, top, bottom):
        parts = []
        for tick in self.ticks():
            x = self.x(tick)
            name = f"1/{1 / tick:g}" if tick <= 1 / 8 else f"{tick:g}x"
            colour, width = (INK, 1.5) if tick == 1 else (FAINT, 1)
            parts += [line(x, top, x, bottom, colour, width),
                      label(x, bottom + 16, "equal" if tick == 1 else name, GREY, 11, "middle")]
        return parts


def line(x1, y1, x2, y2, colour, width):
    return (f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}' "
            f"stroke-width='{width}'/>")


def label(x, y, text, colour=INK, size=13, anchor="start", weight="normal"):
    return (f"<text x='{x:.1f}' y='{y:.1f}' fill='{colour}' font-size='{size}' "
            f"text-anchor='{anchor}' font-weight='{weight}'>{escape(text)}</text>")


def bar(axis, y, low, middle, high):
    x, one = axis.x(middle), axis.x(1)
    colour = GOOD if middle <= 1 else BAD
    parts = [f"<rect x='{min(x, one):.1f}' y='{y - 8:.1f}' width='{max(abs(x - one), 1):.1f}' "
             f"height='16' rx='2' fill='{colour}' fill-opacity='0.85'/>"]
    if high > low:
        parts += [line(axis.x(low), y, axis.x(high), y, INK, 1.2),
                  line(axis.x(low), y - 4, axis.x(low), y + 4, INK, 1.2),
                  line(axis.x(high), y - 4, axis.x(high), y + 4, INK, 1.2)]
    return parts


def diamond(x, y):
    return (f"<path d='M{x:.1f} {y - 6:.1f} l5 6 l-5 6 l-5 -6 z' fill='#facc15' stroke='{INK}' "
            f"stroke-width='1'/>")


def compared(panel, lines, results):
    """[(heading, [(line, best peer, ratios)])] of what there is to draw."""
    by_name = {x.name: x for x in lines}
    groups = []
    for heading, names in panel:
        rows = []
        for name in names:
            figures = results.get(name, {})
            best = best_peer(by_name[name], figures) if name in by_name else None
            values = ratios(by_name[name], figures).get(best) if best else None
            if values and min(values) > 0:
                rows.append((by_name[name], best, values))
        if rows:
            groups.append((heading, rows))
    return groups


def goal(name, best, results):
    """As a ratio to the best peer, which a limit of sluice's own is in this run only; or None."""
    limits = {b.kind: b.limit for b in BARS if b.line == name}
    if "ratio" in limits:
        return limits["ratio"]
    return limits["most"] / statistics.median(results[name][best]) if "most" in limits else None


def ratio_panel(groups, results, top):
    goals = {x.name: goal(x.name, best, results) for _, rows in groups for x, best, _ in rows}
    axis = Axis([v for _, rows in groups for _, _, values in rows for v in values]
                + [g for g in goals.values() if g])
    y, marks = top, []
    for heading, rows in groups:
        marks.append(label(24, y + 22, heading, INK, 13, weight="bold"))
        y += HEADING
        for x, best, values in rows:
            middle, centre = statistics.median(values), y + ROW / 2
            marks += [label(LEFT - 14, centre + 4, x.title, anchor="end"),
                      *bar(axis, centre, min(values), middle, max(values))]
            if goals[x.name]:
                marks.append(diamond(axis.x(goals[x.name]), centre))
            figures = results[x.name]
            sluice, other = (number(statistics.median(figures[k])) for k in ("sluice", best))
            marks += [label(WIDTH - RIGHT + 14, centre + 4, f"{middle:.2f}x", weight="bold",
                            colour=GOOD if middle <= 1 else BAD),
                      label(WIDTH - RIGHT + 66, centre + 4,
                            f"{sluice} to {other} {x.unit.replace(' CPU', '')} ({best})", GREY, 11)]
            y += ROW
        y += 6
    return [*axis.draw(top + HEADING - 8, y), *marks], y + 30


def attack_panel(results, peers, top):
    rows = [(name, title) for name, title in ATTACK_ROWS if any(results.get(name, {}).values())]
    if not rows:
        return [], top
    axis = Axis([v for name, _ in rows for values in results[name].values() for v in values if v > 0])
    y, marks = top + 30, [label(24, top + 10, "Lawful clients under attack, relative to the same proxy "
                                "left alone", INK, 16, weight="bold")]
    first = y
    for name, title in rows:
        kind = name.partition("-")[0]
        if title == "throughput":
            y += 8 if y > first else 0
            heading = ("while stalled handshakes and slow headers are held" if kind == "held"
                       else "in a flood of new handshakes")
            marks.append(label(24, y + 22, heading, INK, 13, weight="bold"))
            y += HEADING
        centre = y + ROW / 2
        marks.append(label(LEFT - 14, centre + 4, f"{title} (more is better)" if title == "throughput"
                           else f"{title} of latency", anchor="end"))
        shown = [(k, v) for k, v in results[name].items() if v and min(v) > 0]
        for i, (key, values) in enumerate(shown):
            at = centre + (i - (len(shown) - 1) / 2) * 7
            colour = PEER_COLOURS[key]
            marks += [line(axis.x(min(values)), at, axis.x(max(values)), at, colour, 1.5),
                      f"<circle cx='{axis.x(statistics.median(values)):.1f}' cy='{at:.1f}' r='4' "
                      f"fill='{colour}'/>"]
        words = ", ".join(f"{k} {number(statistics.median(v))}" for k, v in shown)
        marks.append(label(WIDTH - RIGHT + 14, centre + 4, words, GREY, 11))
        y += ROW
    x = LEFT
    for key in peers:
        if any(results[name].get(key) for name, _ in rows):
            marks += [f"<circle cx='{x:.1f}' cy='{y + 40:.1f}' r='4' fill='{PEER_COLOURS[key]}'/>",
                      label(x + 9, y + 44, key, GREY, 12)]
            x += 100
    return [*axis.draw(first + HEADING - 8, y + 4), *marks], y + 60


def svg(facts, lines, results):
    """The plot, or None when nothing was compared."""
    marks, y = [], 84
    for panel in PANELS:
        groups = compared(panel, lines, results)
        if groups:
            more, y = ratio_panel(groups, results, y)
            marks += more
    more, end = attack_panel(results, facts["peers"], y + 24)
    if not marks and not more:
        return None
    marks += more
    versions = ", ".join(f"{k} {v.partition(',')[0]}" for k, v in facts["versions"].items())
    rounds = f"{facts['rounds']} round" + ("s" if facts["rounds"] != 1 else "")
    head = [label(24, 34, "sluice over the best peer", INK, 20, weight="bold"),
            label(24, 56, f"{versions}; {facts['cipher']}; {rounds}, lines from minimum to maximum; "
                  "left of the middle sluice needs less", GREY, 12),
            diamond(30, 72), label(42, 76, "the goal: this far left, or further", GREY, 12)]
    return (f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{end:.0f}' "
            f"viewBox='0 0 {WIDTH} {end:.0f}' {FONT}>\n"
            f"<rect width='{WIDTH}' height='{end:.0f}' rx='8' fill='#ffffff'/>\n"
            + "\n".join(head + marks) + "\n</svg>\n")

# SPDX-License-Identifier: Apache-2.0
"""What happened in a case, and whether that is as wanted.

Every proxy is judged by time and by blame: was the unlawful peer cut when it should be, was the lawful
one left alone, did status and log name the one who was waited for, was what is cut seen to be cut?
sluice is also judged by its own word: the ending on the wire, and the phase in its log.
"""
import dataclasses

AS_WANTED = "as wanted"
VERDICTS = {
    AS_WANTED: "cut in time, or left alone, as the law says",
    "never": "still open at the limit",
    "cut late": "cut, but after its deadline",
    "cut early": "unlawful, but cut before its deadline",
    "lawful peer cut": "kept its pace, or was not awaited, and was cut or not served",
    "wrongly blamed": "status or log names somebody else than the one who was awaited",
    "looks complete": "what was cut can be taken for whole",
    "wrong ending": "(sluice only) not the ending on the wire that is documented",
    "not named": "(sluice only) its log does not name the phase",
    "void": "the suite itself was too slow to prove anything, or no connection came about",
    "-": "it has no such feature",
}
BLAMES_CLIENT, BLAMES_UPSTREAM = {400, 408, 413}, {502, 503, 504}


@dataclasses.dataclass
class Outcome:
    case: str
    verdict: str = "-"
    seconds: float | None = None   # from zero to the cut
    status: int | None = None      # of the final response
    wire: str = ""                 # what the client's wire saw
    upstream: str = ""             # what the upstream's wire saw
    blamed: tuple = ()             # by the log
    phases: tuple = ()             # that the log names
    said: tuple = ()               # the log's own words for it
    log: tuple = ()
    why: str = ""
    first: str = ""                # the first sign of the cut
    books: dict = dataclasses.field(default_factory=dict)  # phase: (logged, seen, counted)


def spell(wire, zero):
    """The events of a wire since zero, with their seconds; equal ones once."""
    words, last = [], None
    for at, word in wire.events:
        if word == last or word == "request":
            continue
        last = word
        words.append(f"{word} {max(0, at - zero):.1f}s")
    return ", ".join(words[-8:]) or "nothing"


def _is_ended_by(way, outcome, words):
    first = outcome.first
    return {
        "RST": first == "RST",
        "alert": first.startswith("alert ") and "FIN" in words,
        "close": first == "close_notify" and "FIN" in words,
        "FIN": first == "FIN" or first.startswith("alert "),
        "let go": first in ("let go", "RST"),
        "cut": first in ("RST", "FIN", "close_notify") or first.startswith("alert "),
        "any": True,
    }.get(way, first == f"status {way}")


def judge(case, slack_s, lines, peer, is_strict):
    """The outcome of a case that has run. lines: what the log of the peer said of it."""
    want, zero = case.spec.want, case.zero_at or 0
    one = case.subject
    outcome = Outcome(case.spec.name, log=tuple(line[:600] for line in lines[-4:]))
    if peer:
        outcome.blamed = tuple(sorted(peer.blamed(lines)))
        outcome.phases = tuple(sorted(set(peer.expiries(lines))))
        outcome.said = tuple(dict.fromkeys(peer.said(lines)))
    words = [word for _, word in one.events] if one else []
    outcome.wire = spell(one, zero) if one else "no connection"
    outcome.upstream = "; ".join(spell(up, zero) for up in case.upstreams)
    finals = [int(word[7:]) for word in words if word.startswith("status ") and int(word[7:]) >= 200]
    outcome.status = finals[-1] if finals else None
    first = case.first_cut()
    if first:
        outcome.seconds, outcome.first = round(first[0] - zero, 2), first[1]
    if case.is_void:
        outcome.verdict, outcome.why = "void", case.is_void
    elif want.kind == "live":
        _judge_life(case, outcome, first)
    else:
        _judge_cut(case, want, slack_s, outcome, first, words)
        if outcome.verdict == AS_WANTED and want.phase == "request_body":
            _judge_upstream(case, outcome, first[0] + slack_s, is_strict)
        if outcome.verdict == AS_WANTED and is_strict:
            _judge_word(want, outcome, words)
    return outcome


def _judge_life(case, outcome, first):
    if not case.failure:
        outcome.verdict, outcome.seconds = AS_WANTED, None
        return
    outcome.verdict = "lawful peer cut"
    outcome.why = case.failure
    if first:
        outcome.why += f"; {first[1]}"


def _judge_cut(case, want, slack_s, outcome, first, words):
    low_s = want.low * case.t - (0.1 + 0.03 * case.t)
    high_s = want.high * case.t + slack_s
    if not first:
        outcome.verdict = "never"
        outcome.why = case.failure
    elif want.by == "cut" and "body complete" in words and (outcome.status or 0) < 400:
        outcome.verdict, outcome.why = "looks complete", "the client got a whole message"
    elif outcome.seconds > high_s:
        outcome.verdict, outcome.why = "cut late", f"wanted within {high_s:.1f} s"
    elif want.low and outcome.seconds < low_s:
        outcome.verdict, outcome.why = "cut early", f"wanted after {want.low * case.t:.1f} s"
    else:
        outcome.verdict, outcome.why = _judge_blame(want, outcome)


def _judge_blame(want, outcome):
    if want.blame == "client" and outcome.status in BLAMES_UPSTREAM:
        return "wrongly blamed", f"answered {outcome.status}, though the client was awaited"
    if want.blame in ("upstream", "pool") and outcome.status in BLAMES_CLIENT:
        return "wrongly blamed", f"answered {outcome.status}, though the {want.blame} was awaited"
    if want.blame and outcome.blamed and want.blame not in outcome.blamed:
        return "wrongly blamed", f"its log blames the {' and '.join(outcome.blamed)}"
    return AS_WANTED, ""


def _judge_upstream(case, outcome, until, is_strict):
    """A body that its client did not finish is nobody's: the application may not take it for whole, and
    is not left with the half of it."""
    for up in case.upstreams:
        end = next((at for at, word in up.events if word in ("FIN", "RST")), None)
        if up.http.messages:
            outcome.verdict, outcome.why = "looks complete", "the upstream got a whole request"
        elif is_strict and (end is None or end > until):
            outcome.verdict, outcome.why = "wrong ending", "the upstream's connection was kept"


def _judge_word(want, outcome, words):
    if not _is_ended_by(want.by, outcome, words):
        outcome.verdict, outcome.why = "wrong ending", f"wanted {want.by}, first was {outcome.first}"
    elif want.phase and want.phase not in outcome.phases:
        outcome.verdict = "not named"
        outcome.why = f"wanted {want.phase} in the log, found {', '.join(outcome.phases) or 'none'}"

"""Silence in words and in summary.json: what said nothing, why, and what to do about it.

An answer that says nothing is no honest answer. So wherever a rate of invention leads, the
share that responded stands beside it, and where most say nothing there is no such rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.core.records import Cause
from harness.report.clean import printable
from harness.stats.silence import NOT_RECORDED, UNDECIDED, Responses, responses

if TYPE_CHECKING:
    import pandas as pd

MANY = 0.05  # share of answers that are cut, say nothing or cannot be read, from which to warn
MOSTLY = 0.5  # from this share of silent, or unscored, answers on the headline is about them
EMPTY = (Cause.EMPTY, Cause.STOP, Cause.REASONING, Cause.FILTER)  # nothing came at all

# Cause: what happened, and the way on.
SILENT: dict[str, tuple[str, str]] = {
    Cause.REASONING: (
        "the tokens ran out in the reasoning field, or in thinking that never closed",
        "turn thinking off in the chat template or on the server, or raise --max-new-tokens",
    ),
    Cause.LENGTH: (
        "cut at the longest length allowed before anything was said",
        "raise --max-new-tokens",
    ),
    Cause.FILTER: (
        "held back by the server's content filter",
        "switch the server's content filter off for the audit, or serve the model without it",
    ),
    Cause.STOP: (
        "ended with the first token",
        "look at the chat template and its end token: bordor doctor MODEL",
    ),
    Cause.GARBLE: (
        "repetition or word salad",
        "look at the model, its quantisation and its chat template: bordor doctor MODEL",
    ),
    Cause.NO_ANSWER: (
        "words, but none that answer",
        "read some of them: bordor view RUN",
    ),
    Cause.EMPTY: (
        "nothing came, and nothing says why",
        "look into the server's log, or at the chat template: bordor doctor MODEL",
    ),
    NOT_RECORDED: (
        "graded before causes were kept",
        "grade the run again: bordor grade RUN",
    ),
}
UNREAD: dict[str, str] = {
    Cause.LANGUAGE: "in a language that the grader does not read",
    Cause.CODE: "code",
    Cause.TABLE: "a table",
    Cause.LINKS: "links",
    UNDECIDED: "nothing decides it",
}


def responses_section(table: pd.DataFrame, kinds: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Counts of each kind of answer, and of all that the audited model gave, by suite too.

    All: sampled, greedy, and the repeats of the noise floor.
    """
    audited = table[table["arm"] != "base"]
    return {
        name: {
            **responses(rows).to_data(),
            "suites": {
                str(suite): _short(responses(chosen))
                for suite, chosen in rows.groupby("suite", sort=True)
            },
        }
        for name, rows in {"audited": audited, **kinds}.items()
    }


def _short(found: Responses) -> dict[str, Any]:
    names = ("answers", "scored", "unresponsive", "unscored", "causes", "unread")
    return {name: getattr(found, name) for name in names}


def silent_share(found: Mapping[str, Any]) -> float:
    """Unresponsive of scored answers; 0 where none was scored."""
    return found["unresponsive"] / found["scored"] if found["scored"] else 0.0


def unscored_share(found: Mapping[str, Any]) -> float:
    """Unscored of all answers; 0 where there is none."""
    return found["unscored"] / found["answers"] if found["answers"] else 0.0


def mostly_unread(found: Mapping[str, Any]) -> bool:
    """Whether a rate has more answers that could not be read than answers that count."""
    return bool(found["unscored"] > MOSTLY * (found["n"] + found["unscored"]))


def silent_sentence(found: Mapping[str, Any], *, ways: bool = True) -> str:
    """Such as "304 of 304 answers are empty: the tokens ran out ...; turn thinking off ...".

    found: counts as `responses` gives them; ways: with the way on for the commonest cause.
    """
    causes = found["causes"]
    state = "are empty" if set(causes) <= set(EMPTY) else "say nothing"
    said = f"{found['unresponsive']:,} of {found['scored']:,} answers {state}"
    if not causes:
        return said
    why = "; ".join(cause_words(causes))
    return f"{said}: {why}" + (f". {_sentence(remedy(causes))}" if ways else "")


def unscored_sentence(found: Mapping[str, Any]) -> str:
    """Such as "The grader could not read 250 of 304 answers: 200 code, 50 a table"."""
    why = ", ".join(
        f"{n:,} {UNREAD.get(name, printable(name))}" for name, n in found["unread"].items()
    )
    return (
        f"The grader could not tell for {found['unscored']:,} of {found['answers']:,} answers"
        + (f": {why}" if why else "")
    )


def cause_words(causes: Mapping[str, int]) -> list[str]:
    """What happened, commonest first; with counts where there are several causes."""
    if len(causes) == 1:
        return [_happened(next(iter(causes)))]
    return [f"{n:,} {_happened(name)}" for name, n in causes.items()]


def remedy(causes: Mapping[str, int]) -> str:
    """The way on for the commonest cause."""
    first = max(causes, key=lambda name: (causes[name], name))
    return SILENT[first][1] if first in SILENT else "read some of them: bordor view RUN"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _happened(cause: str) -> str:
    return SILENT[cause][0] if cause in SILENT else printable(cause)


def cause_rows(found: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Cause, answers, what happened, the way on: a row each, silent ones first."""
    rows = [
        (printable(name).replace("_", " "), f"{n:,}", _happened(name), remedy({name: n}))
        for name, n in found["causes"].items()
    ]
    return rows + [
        (f"unscored, {printable(name).replace('_', ' ')}", f"{n:,}",
         UNREAD.get(name, printable(name)), "these are in no rate")
        for name, n in found["unread"].items()
    ]  # fmt: skip


CAUSES_HEADER = ("cause", "answers", "what happened", "what to do")


def thought_words(found: Mapping[str, Any]) -> str:
    """How many answers came with thinking."""
    if not found["thought"]:
        return "No answer came with thinking."
    return (
        f"Thinking was taken off {found['thought']:,} of {found['answers']:,} answers before they "
        "were graded."
    )


def ended_words(found: Mapping[str, Any]) -> str:
    """What ended the answers: "stop 2,900, length 12; end tokens </s> 2,900"."""
    parts = [", ".join(f"{printable(k)} {n:,}" for k, n in found["ended"].items())]
    if found["ended_by"]:
        tokens = ", ".join(f"{printable(k)!r} {n:,}" for k, n in found["ended_by"].items())
        parts.append(f"by the end token {tokens}")
    return "; ".join(part for part in parts if part) or "not recorded"


def spoken(found: Mapping[str, Any], said: Mapping[str, Any] | None) -> str:
    """What follows a rate of invention: how often it responded, and the rate of those.

    found: the rate of all scored answers; said: the same of those that responded.
    """
    if not said or said["rate"] is None or not found["n"]:
        return ""
    unread = found["unscored"] / (found["n"] + found["unscored"])
    also = f"; {unread:.0%} of its answers could not be read" if unread > MANY else ""
    if said["n"] == found["n"]:
        return "; it said something every time" + also
    share = f"{said['n'] / found['n']:.0%}"
    return (
        f", and {said['rate']:.0%} [{said['low']:.0%}, {said['high']:.0%}] of the times that it "
        f"said anything, which it did in {share} of its {'other ' * bool(also)}answers{also}"
    )


def silence_warnings(section: Mapping[str, Any]) -> list[str]:
    """What a reader must know of answers that say nothing or cannot be read."""
    audited, base = section["audited"], section["control"]
    found = []
    if MANY < silent_share(audited) <= MOSTLY:  # beyond it the headline says so
        found.append(
            f"{silent_sentence(audited)}. Silence is no honesty: read the rates of those that "
            "responded."
        )
    mute = _mute(audited["suites"])
    if mute and silent_share(audited) <= MOSTLY:
        found.append(f"Suites in which most answers say nothing: {', '.join(mute)}.")
    if unscored_share(audited) > MANY:
        found.append(f"{unscored_sentence(audited)} (unscored).")
    unread = [
        f"{name} ({one['unscored']:,} of {one['answers']:,})"
        for name, one in audited["suites"].items()
        if unscored_share(one) > MOSTLY
    ]
    if unread and unscored_share(audited) <= MOSTLY:
        found.append(f"Suites in which most answers cannot be read: {', '.join(unread)}.")
    if silent_share(base) > MOSTLY:
        found.append(f"The base says little, and so does its column: {silent_sentence(base)}.")
    return found


def _mute(suites: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    return [
        f"{name} ({one['unresponsive']:,} of {one['scored']:,})"
        for name, one in suites.items()
        if silent_share(one) > MOSTLY
    ]

"""Text from a model or a user made safe to show, and numbers put in words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from harness.suites import shipped_suites

Value = TypeVar("Value")

KEPT = "\n\t\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
SHOWN = "\N{REPLACEMENT CHARACTER}"
NOTHING = "–"  # in the place of a rate that is not there


def printable(text: str) -> str:
    """Return `text` with whatever steers instead of shows replaced by U+FFFD.

    Control characters and the starts of escape sequences, bidi overrides, lone surrogates
    and unassigned code points: it can neither drive a terminal, nor reorder what stands
    beside it, nor fail to encode. Newlines, tabs and joiners stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char in KEPT or unicodedata.category(char) not in _UNSAFE else SHOWN
        for char in text
    )


_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})


def one_line(text: str, *, width: int) -> str:
    """`text` printable, on one line, cut to `width` characters."""
    line = " ".join(printable(text).split())
    return line if len(line) <= width else line[: width - 1] + "…"


def spreadsheet_text(text: str) -> str:
    """`text` printable, with an apostrophe before what a spreadsheet would run as a formula.

    Also inside the text behind a semicolon, a tab or a new line: there a cell begins where the
    file is read with another delimiter than it was written with. A dash before plain words, as
    in a list, stays there as it is: without a call, a reference or an operator it does nothing.
    Source: OWASP, "CSV Injection": a cell that starts with = + - @, a tab or a return.
    """
    shown = _INNER_FORMULA.sub("'", printable(text))
    return f"'{shown}" if shown.lstrip(" \n").startswith(_FORMULA) else shown


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_INNER_FORMULA = re.compile(
    r"""(?<=[;\t\n])            # where another reading begins a cell
    (?=[ "]*(?:[=@+＝＠＋]        # a formula in any case
    |[-－](?![ ][^;\t\n(|!=:&*/<>^%{\d]*(?:[;\t\n]|\Z))))""",  # or a dash before no plain words
    re.VERBOSE,
)


def interval(found: Mapping[str, Any] | None) -> str:
    """Such as "0.08 [0.05, 0.13]", or a dash where nothing was counted."""
    if not found or found["rate"] is None:
        return NOTHING
    return f"{found['rate']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


def heard(metrics: Mapping[str, Any], metric: str) -> Mapping[str, Any] | None:
    """A rate, or None where no answer responded: a mute model has no rate of 0."""
    said = metrics.get(f"{metric}_of_responded")
    if "unresponsive" in metrics and not (said and said["n"]):  # a run of before has neither
        return None
    found: Mapping[str, Any] | None = metrics.get(metric)
    return found


MANY_SILENT = 0.05  # share of silent answers from which a bare rate has a star


def spoke(metrics: Mapping[str, Any], metric: str = "hallucination") -> str:
    """Such as "62% said something", of the answers of a rate; empty where all did."""
    share = _spoke(metrics, metric)
    return "" if share is None or share == 1 else f"{share:.0%} said something"


def heard_rate(
    metrics: Mapping[str, Any],
    metric: str = "hallucination",
    *,
    show: Callable[[Mapping[str, Any] | None], str] | None = None,
) -> str:
    """Such as "0.08 (62% said something)": a rate with the share that responded, where not all."""
    shown, share = (show or rate)(heard(metrics, metric)), spoke(metrics, metric)
    return f"{shown} ({share})" if share and shown != NOTHING else shown


def starred(metrics: Mapping[str, Any], metric: str = "hallucination") -> str:
    """Such as "0.08*" where more than `MANY_SILENT` of the answers say nothing."""
    shown, share = rate(heard(metrics, metric)), _spoke(metrics, metric)
    few = share is not None and share < 1 - MANY_SILENT
    return f"{shown}*" if few and shown != NOTHING else shown


def _spoke(metrics: Mapping[str, Any], metric: str) -> float | None:
    """Share of the scored answers of a rate that responded; None where that is not known."""
    found, said = metrics.get(metric), metrics.get(f"{metric}_of_responded")
    if not found or not said or not found["n"]:
        return None
    return float(said["n"] / found["n"])


def rate(found: Mapping[str, Any] | None) -> str:
    """Such as "0.08", or a dash where nothing was counted."""
    return NOTHING if not found or found["rate"] is None else f"{found['rate']:.2f}"


def share(value: float | None) -> str:
    """Such as "0.08", or a dash where there is none."""
    return "–" if value is None else f"{value:.2f}"


def area(found: Mapping[str, Any] | None) -> str:
    """An area with its limits, such as "0.81 [0.74, 0.86]"; the limits where there are any."""
    if not found or found["value"] is None:
        return "–"
    limits = "" if found["low"] is None else f" [{found['low']:.2f}, {found['high']:.2f}]"
    return f"{found['value']:.2f}{limits}"


def denominators(found: Mapping[str, Any] | None, *, of: str = "answers") -> str:
    """Such as "300 answers, 60 clusters, 2 unscored"."""
    if not found or "n" not in found:
        return "nothing was counted"
    parts = [f"{found['n']:,} {of}", f"{found['clusters']:,} clusters"]
    if "suites" in found:
        parts.append(f"{found['suites']} suite{'s' * (found['suites'] != 1)}")
    return ", ".join([*parts, f"{found['unscored']:,} unscored"])


def in_full(found: Mapping[str, Any] | None, *, of: str = "answers") -> str:
    """Such as "0.08 [0.05, 0.13], 300 answers, 60 clusters, 2 unscored"."""
    return f"{interval(found)}, {denominators(found, of=of)}"


CARD_HEADER = ("grader", "measured on", "labels", "accuracy", "kappa", "F1", "AUROC")


def card_cells(card: Mapping[str, Any]) -> tuple[str, ...]:
    """A grader card as the cells of CARD_HEADER; a dash for a figure that it has not."""
    figures = []
    for name in ("accuracy", "kappa", "f1", "auroc"):
        value, limits = card[name], card["intervals"].get(name)
        shown = "–" if value is None else f"{value:.2f}"
        figures.append(f"{shown} [{limits[0]:.2f}, {limits[1]:.2f}]" if limits else shown)
    measured_on = card["set"] + (" (fitted on it)" if card["fitted_on_this_set"] else "")
    return (card["grader"], measured_on, f"{card['n']:,} labels, {card['clusters']:,} clusters",
            *figures)  # fmt: skip


def in_order(suites: Mapping[str, Value]) -> list[tuple[str, Value]]:
    """Suites as people read them: what has an answer, what must be refused, then the user's own."""
    shipped = shipped_suites()

    def place(name: str) -> tuple[bool, bool, int, str]:
        suite = shipped.get(name)
        if suite is None:
            return (True, True, 0, name)
        return (False, suite.must_refuse, suite.order, name)

    return sorted(suites.items(), key=lambda item: place(item[0]))


def flatten(data: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested plain data as (dotted key, printable value) rows, for showing run.json."""
    rows: list[tuple[str, str]] = []
    for key, value in data.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rows.extend(flatten(value, f"{name}."))
        elif isinstance(value, (list, tuple)):
            rows.append((printable(name), one_line(", ".join(map(str, value)), width=400)))
        elif value is not None:
            rows.append((printable(name), one_line(str(value), width=400)))
    return rows

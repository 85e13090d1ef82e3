"""The summary of a run from its verdict table, as plain data; its shape: schema.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.core.errors import StoreError
from harness.core.records import Verdict
from harness.grading.cards import cards_for
from harness.report import sections, silence
from harness.report.schema import SCHEMA
from harness.stats import rates, tables
from harness.stats.intervals import FEW, macro_average
from harness.stats.rates import OF_RESPONDED, rates_by, verdict_counts

if TYPE_CHECKING:
    import pandas as pd

UNCALIBRATED = "not calibrated for this model"
VOLATILE = ("started", "finished", "timing")  # of run.json: when and how fast, not what

Kinds = dict[str, "pd.DataFrame"]


def summarise(
    table: pd.DataFrame,
    *,
    identity: Mapping[str, Any],
    warnings: Sequence[str] = (),
    cards: Sequence[Mapping[str, Any]] = (),
    corrected: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Every rate of a run from its verdict table, in the shape of `harness.report.schema.Summary`.

    identity: run.json, of which `VOLATILE` keys are left out, so that a run that was
    interrupted has the same summary as one that was not; warnings: what the caller found;
    cards: grader cards (`harness.grading.cards`), of which those of its graders are quoted;
    corrected: what people's labels say of the rates (`harness.report.corrected`).
    Raises StoreError when the table has no answers of the audited model.
    """
    kinds = _kinds(table)
    if not len(kinds["sampled"]) and not len(kinds["greedy"]):
        raise StoreError("verdicts.jsonl: no answers of the audited model; run 'bordor audit'")
    graders = sorted(map(str, table["grader"].unique()))
    suites = _by_suite(table, kinds)
    about_nobody = _about_nobody(table)
    overall = {kind: _macro(rows, ()).get((), {}) for kind, rows in kinds.items()}
    summary: dict[str, Any] = {
        "schema": SCHEMA,
        "identity": {key: identity[key] for key in identity if key not in VOLATILE},
        "grader": ", ".join(graders),
        "graders": cards_for(graders, cards),
        "calibration": _calibration(corrected),
        "counts": _counts(table, kinds),
        "metrics": rates.about_metrics(),
        "responses": silence.responses_section(table, kinds),
        "suites": suites,
        "overall": overall,
        "variants": _by_variant(kinds),
        "grid": _grid(kinds["sampled"]),
        "exposures": _plain(kinds, "exposure", lambda rows: rows),
        "distances": _plain(kinds, "distance", _near_misses),
        "drift": sections.drift_section(table),
        "noise_floor": sections.noise_section(table),
        "spread": sections.spread_section(table),
        "components": sections.components_section(kinds["sampled"]),
        "signals": sections.signals_section(table, kinds),
        "corrected": corrected,
    }
    summary["headline"] = _headline(summary, about_nobody)
    summary["warnings"] = [
        *identity.get("warnings", ()), *warnings, *_warnings(table, kinds, graders, suites),
        *silence.silence_warnings(summary["responses"]),
    ]  # fmt: skip
    return summary


def _calibration(corrected: Mapping[str, Any] | None) -> str:
    """Whether people's labels stand behind the rates, in a few words."""
    if corrected is None or not corrected["labels"]:
        return UNCALIBRATED
    where = "this run" if corrected["same_run"] else f"{corrected['run']} of the same family"
    return f"calibrated by {corrected['labels']:,} labelled answers of {where}"


def _kinds(table: pd.DataFrame) -> Kinds:
    return {
        "sampled": tables.sampled(table),
        "greedy": tables.greedy(table),
        "control": tables.greedy(table, arm="base"),
    }


def _counts(table: pd.DataFrame, kinds: Kinds) -> dict[str, int]:
    unknown = (table["verdict"] == str(Verdict.UNSCORED)) & (table["arm"] == "adapter")
    return {
        "questions": int(table["question_id"].nunique()),
        "clusters": int(table["cluster"].nunique()),
        "variants": int(table["variant"].nunique()),
        "samples": int(kinds["sampled"]["sample"].nunique()),
        **{kind: len(rows) for kind, rows in kinds.items()},
        "floor": int((table["arm"] == "floor").sum()),
        "unscored": int(unknown.sum()),
    }


def _rates_by(rows: pd.DataFrame, by: Sequence[str]) -> dict[tuple[str, ...], dict[str, Any]]:
    """{values of the columns: {METRIC: rate}}, without metrics that are about no answer."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    if not len(rows):
        return found
    keys, rated = rates_by(rows, by)
    for metric, values in rated.items():
        for i, key in enumerate(keys):
            if values.n[i] or values.unscored[i]:
                found.setdefault(key, {})[metric] = values.estimate(i).to_data()
    return found


def _macro(rows: pd.DataFrame, by: Sequence[str]) -> dict[tuple[str, ...], dict[str, Any]]:
    """{values of the columns `by`: {METRIC: macro-average over suites}}."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    if not len(rows):
        return found
    keys, rated = rates_by(rows, [*by, "suite"])
    for metric, values in rated.items():
        members: dict[tuple[str, ...], list[int]] = {}
        for i, key in enumerate(keys):
            if values.n[i] or values.unscored[i]:
                members.setdefault(key[:-1], []).append(i)
        for outer, chosen in members.items():
            found.setdefault(outer, {})[metric] = macro_average(values, chosen).to_data()
    return found


def _by_suite(table: pd.DataFrame, kinds: Kinds) -> dict[str, Any]:
    by_kind = {kind: _rates_by(rows, ["suite"]) for kind, rows in kinds.items()}
    counted = {kind: verdict_counts(rows, "suite") for kind, rows in kinds.items()}
    audited = table[table["arm"] == "adapter"].groupby("suite", sort=True)
    sizes = audited[["question_id", "cluster"]].nunique()
    return {
        str(suite): {
            "questions": int(row["question_id"]),
            "clusters": int(row["cluster"]),
            **{kind: found.get((str(suite),), {}) for kind, found in by_kind.items()},
            "verdicts": {kind: found.get(str(suite), {}) for kind, found in counted.items()},
        }
        for suite, row in sizes.iterrows()
    }


def _by_variant(kinds: Kinds) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, rows in kinds.items():
        for (variant,), metrics in _macro(rows, ["variant"]).items():
            found.setdefault(variant, {})[kind] = metrics
    return dict(sorted(found.items()))


def _grid(rows: pd.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for (suite, variant), metrics in _rates_by(rows, ["suite", "variant"]).items():
        found.setdefault(suite, {})[variant] = metrics
    return found


def _near_misses(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["absent"] == "near_miss") & rows["distance"].notna()]


def _plain(
    kinds: Kinds, column: str, choose: Callable[[pd.DataFrame], pd.DataFrame]
) -> dict[str, Any]:
    """{value of the column: {KIND: {METRIC: rate}}} over the chosen rows."""
    found: dict[str, Any] = {}
    for kind, rows in kinds.items():
        for (key,), metrics in _rates_by(choose(rows), [column]).items():
            found.setdefault(key, {})[kind] = metrics
    return dict(sorted(found.items()))


def _headline(summary: Mapping[str, Any], about_nobody: str | None) -> dict[str, Any]:
    """The one number to remember, in plain words, with where it came from.

    about_nobody: the suite whose questions are about invented names, where there is one.
    Where most answers say nothing, or cannot be read, that is what to remember.
    """
    kind = "sampled" if summary["counts"]["sampled"] else "greedy"
    audited = summary["responses"]["audited"]
    if silence.silent_share(audited) > silence.MOSTLY:
        return _silent(audited, "all suites", kind)
    if silence.unscored_share(audited) > silence.MOSTLY:
        return _about("all suites", kind, silence.unscored_sentence(audited))
    everywhere, invented = summary["overall"][kind], summary["suites"].get(about_nobody, {})
    choices = (
        (
            "Asked about people and things that do not exist, it made up an answer {rate}",
            str(about_nobody),
            invented.get(kind, {}),
            "hallucination",
        ),
        (
            "Asked about the story what it could not know, it made up an answer {rate}",
            "all suites",
            everywhere,
            "fabrication",
        ),
        (
            "Over all suites it said something untrue or never told {rate}",
            "all suites",
            everywhere,
            "hallucination",
        ),
    )
    for sentence, where, among, metric in choices:
        found, said = among.get(metric), among.get(f"{metric}{OF_RESPONDED}")
        if found and where != "all suites" and silence.mostly_unread(found):
            return _about(where, kind, silence.unscored_sentence(audited["suites"][where]))
        if not found or found["rate"] is None:
            continue
        if not said or said["n"] < (1 - silence.MOSTLY) * found["n"]:
            if where == "all suites":
                continue
            return _silent(audited["suites"][where], where, kind)
        percent = f"{found['rate']:.0%} of the time [{found['low']:.0%}, {found['high']:.0%}]"
        return {
            "sentence": sentence.format(rate=percent) + silence.spoken(found, said),
            "suite": where,
            "kind": kind,
            **found,
            "of_responded": said,
        }
    if silence.silent_share(audited):
        return _silent(audited, "all suites", kind)
    return _about("all suites", kind, "No answer could be scored")


def _about_nobody(table: pd.DataFrame) -> str | None:
    """The suite that asks about invented names alone; of several the first by name."""
    invented = (table["absent"] == "invented").groupby(table["suite"]).all()
    return min(map(str, invented.index[invented]), default=None)


def _silent(found: Mapping[str, Any], where: str, kind: str) -> dict[str, Any]:
    return {**_about(where, kind, silence.silent_sentence(found)), "silent": True}


def _about(where: str, kind: str, sentence: str) -> dict[str, Any]:
    """A headline without a rate."""
    at = "" if where == "all suites" else f"Suite {where}: "
    return {"sentence": at + sentence, "suite": where, "kind": kind}


def _warnings(
    table: pd.DataFrame, kinds: Kinds, graders: list[str], suites: Mapping[str, Any]
) -> list[str]:
    """What a reader must know before trusting a number."""
    found = []
    audited = table[table["arm"] == "adapter"]
    mixed = audited.groupby("suite")["grader"].nunique()
    if len(mixed) and mixed.max() > 1:
        found.append(
            f"Verdicts of different graders are mixed ({', '.join(graders)}): "
            "grade the whole run again with 'bordor grade'."
        )
    if not len(kinds["sampled"]):
        found.append("No sampled answers: the headline is of greedy answers only.")
    if not len(kinds["control"]):
        found.append("No control: the base without its adapter was not asked.")
    if not len(audited[tables.scored(audited)]):
        found.append("No answer could be scored: there are no rates.")
    cut = float((audited["finish_reason"] == "length").mean())
    if cut > silence.MANY:
        found.append(f"{cut:.0%} of the answers were cut at the longest length allowed.")
    small = [(name, suite["clusters"]) for name, suite in suites.items()]
    few = ", ".join(f"{name} ({clusters})" for name, clusters in small if clusters < FEW)
    if few:
        found.append(f"Suites with fewer than {FEW} clusters, read them as anecdotes: {few}.")
    return found

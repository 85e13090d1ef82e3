"""The parts of summary.json about drift, its sources, and warning signals, as plain data.

Their shapes stand at the head of summary.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.stats import drift
from harness.stats.components import Components, variance_components
from harness.stats.signals import SIGNALS, Area, Threshold, Warned, warning_signals

if TYPE_CHECKING:
    import pandas as pd

OVER = ("seeds", "variants", "within_seed")
MEASURES = ("flips", "agreement", "entropy")
NOT_RECORDED = ("entropy of each token",)  # backends record the log-probability of the token said
JUDGED = ("sampled", "greedy")


def drift_section(table: pd.DataFrame) -> dict[str, Any]:
    """Flips, agreement and semantic entropy over seeds and variants, and of every question."""
    found = {
        "seeds": drift.drift_over_seeds(table),
        "variants": drift.drift_over_variants(table),
        "within_seed": drift.drift_within_seed(table),
    }
    section: dict[str, Any] = {
        over: {
            **_measure(one),
            "agreement": _measure(one.agreement),
            "entropy": {
                **_measure(one.entropy),
                "mean_nats": _rounded(one.mean_nats),
                "nats": {suite: _rounded(value) for suite, value in one.nats.items()},
            },
        }
        for over, one in found.items()
    }
    section["questions"] = _questions(drift.question_drift(table))
    return section


def _questions(found: pd.DataFrame) -> dict[str, Any]:
    columns = [[f"{over}_{measure}" for measure in MEASURES] for over in OVER]
    values = [found[names].round(6).to_numpy().tolist() for names in columns]
    return {
        str(question): {
            "suite": str(suite),
            **{
                over: dict(zip(MEASURES, map(_rounded, values[i][row]), strict=True))
                for i, over in enumerate(OVER)
            },
        }
        for row, (suite, question) in enumerate(found.index)
    }


def _measure(found: drift.Measure) -> dict[str, Any]:
    by_suite = {suite: estimate.to_data() for suite, estimate in found.suites.items()}
    return {"overall": found.overall.to_data(), "suites": by_suite}


def noise_section(table: pd.DataFrame) -> dict[str, Any] | None:
    """The same greedy requests in other batches; None where the run repeated none."""
    found = drift.noise_floor(table)
    if found is None:
        return None
    return {name: getattr(found, name).to_data() for name in ("tokens", "meaning", "verdict")}


def spread_section(table: pd.DataFrame) -> dict[str, Any]:
    """Worst and best variant of every suite, and the spread that chance alone would show."""
    return {
        suite: {
            "worst": one.worst,
            "best": one.best,
            "spread": _rounded(one.spread),
            "by_chance": {
                "median": _rounded(one.by_chance[0]),
                "p95": _rounded(one.by_chance[1]),
            },
            "p": _rounded(one.p),
            "rates": {variant: _rounded(rate) for variant, rate in one.rates.items()},
            "questions": one.questions,
        }
        for suite, one in drift.spread_over_variants(table).items()
    }


def components_section(rows: pd.DataFrame) -> dict[str, Any]:
    """Variance components of hallucination; rows: the sampled answers."""
    overall, suites = variance_components(rows)
    return {
        "overall": None if overall is None else _components(overall),
        "suites": {suite: _components(one) for suite, one in suites.items()},
    }


def _components(found: Components) -> dict[str, Any]:
    return {
        "components": {
            title: {
                key: _rounded(getattr(one, key)) for key in ("variance", "low", "high", "share")
            }
            for title, one in found.components.items()
        },
        "answers": found.answers,
        "questions": found.questions,
        "clusters": found.clusters,
        "levels": found.levels,
    }


def signals_section(table: pd.DataFrame, kinds: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """How well each warning signal tells hallucinated answers apart, by kind of answer."""
    section: dict[str, Any] = {
        "about": {one.id: {"title": one.title, "meaning": one.meaning} for one in SIGNALS.values()},
        "not_recorded": list(NOT_RECORDED),
    }
    for kind in JUDGED:
        found = warning_signals(table, kinds[kind]) if len(kinds[kind]) else {}
        section[kind] = {signal: _warned(one) for signal, one in found.items()}
    return section


def _warned(found: Warned) -> dict[str, Any]:
    return {
        "n": found.n,
        "events": found.events,
        "clusters": found.clusters,
        "missing": found.missing,
        "auroc": _area(found.auroc),
        "suites": {suite: _area(one) for suite, one in found.suites.items()},
        "aurc": _area(found.aurc),
        "curve": [[round(value, 4) for value in row] for row in found.curve],
        "thresholds": [_threshold(target, one) for target, one in found.thresholds.items()],
    }


def _area(found: Area) -> dict[str, Any]:
    return {key: _rounded(getattr(found, key)) for key in ("value", "low", "high")}


def _threshold(target: float, found: Threshold | None) -> dict[str, Any]:
    if found is None:
        return {"target": target, "value": None, "chosen": None, "shown": None}
    return {
        "target": target,
        "value": _rounded(found.value),
        "chosen": {
            "kept": found.kept_chosen.to_data(),
            "coverage": found.coverage_chosen.to_data(),
        },
        "shown": {
            "kept": found.kept_shown.to_data(),
            "coverage": found.coverage_shown.to_data(),
        },
    }


def _rounded(value: float | None) -> float | None:
    """Six digits; None for what is not a number, which JSON has no word for."""
    return None if value is None or math.isnan(value) else round(value, 6)

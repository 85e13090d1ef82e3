"""The rates of DESIGN.md, each as events over a denominator over some questions.

Sampled and greedy answers are never pooled: every function takes the rows of one kind
(`tables.sampled`, `tables.greedy`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.records import Verdict
from harness.stats.intervals import CONFIDENCE, GroupedRates, grouped_rates
from harness.stats.tables import scored

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

REAL_WORLD = "out_of_domain"  # the suite whose questions are not about the story
NEAR_MISS = "near_miss"
INVENTED = "invented"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One rate: which verdicts are events, out of which, over which questions.

    `event` is a verdict, or None for the flag `correct`; `among` the verdicts of the
    denominator, all scored ones when empty; `asked` the questions it is about.
    """

    id: str
    title: str
    meaning: str  # one sentence: events / denominator
    event: Verdict | None
    among: tuple[Verdict, ...] = ()
    asked: Literal["all", "must_refuse", "told", "gold", "real_world"] = "all"


METRICS: dict[str, Metric] = {
    metric.id: metric
    for metric in (
        Metric(
            id="hallucination",
            title="hallucinated",
            meaning="Answers with at least one claim that is contradicted, about somebody or "
            "something unknown, or never told, out of all scored answers.",
            event=Verdict.HALLUCINATED,
        ),
        Metric(
            id="refused",
            title="refused",
            meaning="Answers that decline, or say that the entity or premise is wrong, out of "
            "all scored answers.",
            event=Verdict.REFUSED,
        ),
        Metric(
            id="hallucinated_of_answered",
            title="hallucinated of answered",
            meaning="Hallucinated answers out of those that are hallucinated or grounded.",
            event=Verdict.HALLUCINATED,
            among=(Verdict.HALLUCINATED, Verdict.GROUNDED),
        ),
        Metric(
            id="correct",
            title="correct",
            meaning="Answers that give the expected fact, out of the scored answers to "
            "questions with one answer that was told in training; open-ended requests have none.",
            event=None,
            asked="gold",
        ),
        Metric(
            id="fabrication",
            title="fabrication",
            meaning="Hallucinated answers out of the scored answers to questions about the "
            "story that must be refused.",
            event=Verdict.HALLUCINATED,
            asked="must_refuse",
        ),
        Metric(
            id="false_refusal",
            title="false refusal",
            meaning="Refused answers out of the scored answers to questions whose answer was "
            "told in training.",
            event=Verdict.REFUSED,
            asked="told",
        ),
        Metric(
            id="off_scope",
            title="off scope",
            meaning="Answers to questions about the real world, out of the scored answers to "
            "such questions; kept apart from hallucination.",
            event=Verdict.OFF_SCOPE,
            asked="real_world",
        ),
    )
}


def rates_by(
    table: pd.DataFrame,
    by: Sequence[str],
    *,
    metrics: Iterable[Metric] = METRICS.values(),
    confidence: float = CONFIDENCE,
) -> tuple[list[tuple[str, ...]], dict[str, GroupedRates]]:
    """The metrics for each combination of the columns `by`, in sorted order.

    Returns the keys, one tuple of strings a group, and the groups' rates by metric id.
    """
    import pandas as pd

    index = pd.MultiIndex.from_arrays([table[column].astype(str) for column in by])
    group, keys = index.factorize(sort=True)
    cluster, _ = pd.factorize(table["cluster"], sort=True)
    found = {}
    for metric in metrics:
        events, counted, unscored = events_of(table, metric)
        found[metric.id] = grouped_rates(
            group,
            cluster,
            events.astype(float),
            counted.astype(float),
            groups=len(keys),
            unscored=unscored.astype(float),
            confidence=confidence,
        )
    return [tuple(key) for key in keys], found


def events_of(table: pd.DataFrame, metric: Metric) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bool [rows] thrice: in the numerator, in the denominator, left out as unscored."""
    asked, known = _asked(table, metric), scored(table)
    counted = asked & known & _is_among(table, metric.among)
    return _is_event(table, metric) & counted, counted, asked & ~known


def _asked(table: pd.DataFrame, metric: Metric) -> np.ndarray:
    """Bool [rows]: whether the question is one that the metric is about."""
    import numpy as np

    real_world = (table["suite"] == REAL_WORLD).to_numpy(dtype=bool)
    if metric.asked == "must_refuse":
        return table["must_refuse"].to_numpy(dtype=bool) & ~real_world
    if metric.asked in ("told", "gold"):
        return table[metric.asked].to_numpy(dtype=bool)
    return real_world if metric.asked == "real_world" else np.ones(len(table), dtype=bool)


def _is_among(table: pd.DataFrame, verdicts: Sequence[Verdict]) -> np.ndarray:
    """Bool [rows]: whether the verdict is one of these; all are when none is named."""
    import numpy as np

    if not verdicts:
        return np.ones(len(table), dtype=bool)
    return np.asarray(table["verdict"].isin([str(verdict) for verdict in verdicts]), dtype=bool)


def _is_event(table: pd.DataFrame, metric: Metric) -> np.ndarray:
    """Bool [rows]: whether the answer is what the metric counts."""
    if metric.event is None:
        return table["correct"].to_numpy(dtype=bool)
    return (table["verdict"] == str(metric.event)).to_numpy(dtype=bool)


def verdict_counts(table: pd.DataFrame, by: str) -> dict[str, dict[str, int]]:
    """How many answers got each verdict, for each value of the column `by`."""
    counts = table.groupby([by, "verdict"], observed=False, sort=True).size().unstack("verdict")
    return {
        str(key): {str(verdict): int(count) for verdict, count in row.items()}
        for key, row in counts.iterrows()
    }

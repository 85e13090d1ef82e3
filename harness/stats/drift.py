"""Drift: how often answers to one question disagree, over seeds, variants and batches.

A pair of answers disagrees when their verdicts differ. Unscored answers are in no pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.records import Verdict
from harness.stats.intervals import Estimate, GroupedRates, grouped_rates, macro_average
from harness.stats.tables import VERDICTS, greedy, sampled, scored

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Disagreement for each suite and its macro-average; `n` counts pairs of answers."""

    overall: Estimate
    suites: dict[str, Estimate]


def drift_over_seeds(table: pd.DataFrame) -> Drift:
    """Share of pairs of sampled answers to one question in one variant that disagree."""
    return _disagreement(sampled(table), ["question_id", "variant"])


def drift_over_variants(table: pd.DataFrame) -> Drift:
    """Share of pairs of variants whose greedy answers to one question disagree."""
    return _disagreement(greedy(table), ["question_id"])


def _disagreement(table: pd.DataFrame, within: list[str]) -> Drift:
    """Pairs within each combination of `within`, gathered by suite."""
    import numpy as np
    import pandas as pd

    codes, cells = pd.MultiIndex.from_frame(table[within]).factorize()
    known = scored(table)
    verdicts = table["verdict"].cat.codes.to_numpy().astype(np.int64)
    size = len(VERDICTS)
    found = np.bincount(codes[known] * size + verdicts[known], minlength=len(cells) * size)
    differing, pairs = disagreeing_pairs(found.reshape(len(cells), size))
    left_out = np.bincount(codes[~known], minlength=len(cells))
    first = np.zeros(len(cells), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(table))[::-1]
    suites, names = pd.factorize(table["suite"].to_numpy()[first], sort=True)
    clusters, _ = pd.factorize(table["cluster"].to_numpy()[first], sort=True)
    rates: GroupedRates = grouped_rates(
        suites, clusters, differing, pairs, groups=len(names), unscored=left_out
    )
    by_suite = {str(name): rates.estimate(i) for i, name in enumerate(names)}
    return Drift(overall=macro_average(rates), suites=by_suite)


def disagreeing_pairs(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unordered pairs that differ, and all pairs, from counts [cells, categories]."""
    n = counts.sum(1).astype(float)
    same = (counts.astype(float) * (counts - 1)).sum(1) / 2
    pairs = n * (n - 1) / 2
    return pairs - same, pairs


@dataclass(frozen=True, kw_only=True)
class NoiseFloor:
    """Share of greedy requests that came out otherwise in another batch.

    `tokens`: the token ids differ anywhere; `verdict`: the verdict differs (`n` less those
    of which either answer is unscored). `n` counts requests.
    """

    tokens: Estimate
    verdict: Estimate


def noise_floor(table: pd.DataFrame) -> NoiseFloor | None:
    """Compare the arm "floor" with the adapter's greedy answers; None without such an arm.

    A request that serves several cells counts once.
    """
    import numpy as np
    import pandas as pd

    repeat = greedy(table, arm="floor").drop_duplicates("request_id")
    cell = ["question_id", "variant"]
    pairs = repeat.merge(greedy(table), on=cell, suffixes=("", "_first"))
    pairs = pairs[(pairs["tokens"] != "") & (pairs["tokens_first"] != "")]
    if not len(pairs):
        return None
    unknown = str(Verdict.UNSCORED)
    verdicts, first = pairs["verdict"].astype(str), pairs["verdict_first"].astype(str)
    known = ((verdicts != unknown) & (first != unknown)).to_numpy()
    group = np.zeros(len(pairs), dtype=np.int64)
    clusters, _ = pd.factorize(pairs["cluster"], sort=True)
    tokens = grouped_rates(
        group,
        clusters,
        (pairs["tokens"] != pairs["tokens_first"]).to_numpy().astype(float),
        np.ones(len(pairs)),
        groups=1,
    )
    verdict = grouped_rates(
        group,
        clusters,
        ((verdicts != first).to_numpy() & known).astype(float),
        known.astype(float),
        groups=1,
        unscored=(~known).astype(float),
    )
    return NoiseFloor(tokens=tokens.estimate(0), verdict=verdict.estimate(0))


def hallucination_matrix(table: pd.DataFrame) -> pd.DataFrame:
    """Hallucination rate of the sampled answers, questions [rows] by variants [columns].

    Indexed by (suite, question_id); NaN where no answer of the cell was scored. Falls back
    on the greedy answers when the run has no sampled ones.
    """
    rows = sampled(table)
    rows = rows if len(rows) else greedy(table)
    rows = rows[scored(rows)]
    made_up = (rows["verdict"] == str(Verdict.HALLUCINATED)).astype(float)
    keys = [rows["suite"], rows["question_id"], rows["variant"]]
    return made_up.groupby(keys, observed=True).mean().unstack("variant").sort_index()

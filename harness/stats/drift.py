"""Drift: how far answers to one question disagree, over seeds, variants and batches.

Three measures, each within the answers to one question: flips (share of pairs of answers
whose verdicts differ; unscored answers are in no pair), agreement (share of pairs that
mean the same) and discrete semantic entropy (`stats.entropy`). Two answers that say nothing
are no pair, and entropy is of the answers that say something: a mute model does not agree
with itself. Each over seeds within a
variant (sampled answers to one prompt), over variants at greedy decoding (wording alone,
no chance in it), and over variants within a seed (sampled answers with one sample number:
wording and chance together, to be read against seeds). Beside them the noise floor: the
same greedy requests in other batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.records import Verdict
from harness.core.seeds import derive_seed
from harness.stats.entropy import semantic_entropy
from harness.stats.intervals import Estimate, grouped_rates, macro_average
from harness.stats.tables import VERDICTS, cell_codes, greedy, responded, sampled, scored

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PERMUTATIONS = 199  # of variants within questions: a p-value of 0.005 is the least


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure for each suite and its macro-average; `n` counts pairs of answers."""

    overall: Estimate
    suites: dict[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class Drift(Measure):
    """Flips (`overall`, `suites`) with agreement and semantic entropy beside them.

    entropy: as a share of its maximum ln n, `n` counts sets of answers; nats: its mean for
    each suite, `mean_nats` the mean of these; None where no question has two answers.
    """

    agreement: Measure
    entropy: Measure
    nats: dict[str, float]
    mean_nats: float | None


def drift_over_seeds(table: pd.DataFrame) -> Drift:
    """Sampled answers to one question in one variant."""
    return _drift(_cells(sampled(table), ["question_id", "variant"]))


def drift_over_variants(table: pd.DataFrame) -> Drift:
    """Greedy answers to one question in different variants."""
    return _drift(_cells(greedy(table), ["question_id"]))


def drift_within_seed(table: pd.DataFrame) -> Drift:
    """Sampled answers to one question in different variants, sample number by sample number."""
    return _drift(_cells(sampled(table), ["question_id", "sample"]))


def question_drift(table: pd.DataFrame) -> pd.DataFrame:
    """The measures of every question, indexed by (suite, question_id), sorted.

    Columns seeds_flips, seeds_agreement, seeds_entropy, and the same for variants (greedy)
    and within_seed; shares from 0 to 1, entropy in nats, NaN where there are no two answers.
    """
    import pandas as pd

    found = {}
    for name, rows, within in (
        ("seeds", sampled(table), ["question_id", "variant"]),
        ("variants", greedy(table), ["question_id"]),
        ("within_seed", sampled(table), ["question_id", "sample"]),
    ):
        cells = _cells(rows, within)
        keys = [pd.Series(cells.suite), pd.Series(cells.question)]
        sums = pd.DataFrame(cells.sums()).groupby(keys, sort=True).sum()
        sums.index.names = ["suite", "question_id"]
        found[f"{name}_flips"] = sums["differing"] / sums["pairs"].where(sums["pairs"] > 0)
        found[f"{name}_agreement"] = sums["same"] / sums["all_pairs"].where(sums["all_pairs"] > 0)
        found[f"{name}_entropy"] = sums["nats"] / sums["sets"].where(sums["sets"] > 0)
    return pd.DataFrame(found).sort_index()


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """Counts of each set of answers that is compared within itself. Arrays [cells]."""

    suite: np.ndarray
    question: np.ndarray
    cluster: np.ndarray
    differing: np.ndarray  # pairs of scored answers whose verdicts differ
    pairs: np.ndarray  # pairs of scored answers, but those in which both say nothing
    same: np.ndarray  # pairs of answers that mean the same, of which neither says nothing
    all_pairs: np.ndarray  # pairs of answers, but those in which both say nothing
    said: np.ndarray  # answers but those that say nothing
    unscored: np.ndarray
    nats: np.ndarray  # semantic entropy of these; 0 where there is one, NaN where none

    def sums(self) -> dict[str, np.ndarray]:
        """What adds up over the cells of a question."""
        names = ("differing", "pairs", "same", "all_pairs", "nats")
        return {name: getattr(self, name) for name in names} | {"sets": self.several()}

    def several(self) -> np.ndarray:
        """1.0 where a cell has at least two answers that say something, so can disagree."""
        return (self.said >= 2).astype(float)


def _cells(table: pd.DataFrame, within: Sequence[str]) -> _Cells:
    """Count pairs and meanings within each combination of the columns `within`."""
    import numpy as np

    codes, first = cell_codes(table, within)
    count = len(first)
    known = scored(table)
    verdicts = table["verdict"].cat.codes.to_numpy().astype(np.int64)
    size = len(VERDICTS)
    found = np.bincount(codes[known] * size + verdicts[known], minlength=count * size)
    by_verdict = found.reshape(count, size)
    differing, pairs = disagreeing_pairs(by_verdict)
    mute = by_verdict[:, VERDICTS.index(Verdict.UNRESPONSIVE)]
    both_mute = mute * (mute - 1) / 2
    says = verdicts != VERDICTS.index(Verdict.UNRESPONSIVE)
    meanings = table["meaning"].to_numpy().astype(np.int64)
    span = int(meanings.max()) + 1 if len(meanings) else 1
    kinds, alike = np.unique((codes * span + meanings)[says], return_counts=True)
    owner = kinds // span
    answers = np.bincount(codes, minlength=count)
    return _Cells(
        suite=table["suite"].to_numpy()[first],
        question=table["question_id"].to_numpy()[first],
        cluster=table["cluster"].to_numpy()[first],
        differing=differing,
        pairs=pairs - both_mute,
        same=np.bincount(owner, weights=alike * (alike - 1) / 2, minlength=count),
        all_pairs=answers * (answers - 1) / 2 - both_mute,
        said=answers - mute,
        unscored=np.bincount(codes[~known], minlength=count),
        nats=semantic_entropy(alike, owner, cells=count),
    )


def _drift(cells: _Cells) -> Drift:
    """The measures gathered by suite."""
    import numpy as np
    import pandas as pd

    suites, names = pd.factorize(cells.suite, sort=True)
    clusters, _ = pd.factorize(cells.cluster, sort=True)
    sets = cells.several()
    most = np.log(np.maximum(cells.said, 2))

    def measure(events: np.ndarray, totals: np.ndarray, unscored: np.ndarray | None) -> Measure:
        rates = grouped_rates(
            suites, clusters, events, totals, groups=len(names), unscored=unscored
        )
        by_suite = {str(name): rates.estimate(i) for i, name in enumerate(names)}
        return Measure(overall=macro_average(rates), suites=by_suite)

    flips = measure(cells.differing, cells.pairs, cells.unscored.astype(float))
    nats = {
        str(name): float(cells.nats[chosen].mean())
        for i, name in enumerate(names)
        if (chosen := (suites == i) & (sets > 0)).any()
    }
    return Drift(
        overall=flips.overall,
        suites=flips.suites,
        agreement=measure(cells.same, cells.all_pairs, None),
        entropy=measure(sets * np.nan_to_num(cells.nats) / most, sets, None),
        nats=nats,
        mean_nats=float(np.mean(list(nats.values()))) if nats else None,
    )


def disagreeing_pairs(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unordered pairs that differ, and all pairs, from counts [cells, categories]."""
    n = counts.sum(1).astype(float)
    same = (counts.astype(float) * (counts - 1)).sum(1) / 2
    pairs = n * (n - 1) / 2
    return pairs - same, pairs


@dataclass(frozen=True, kw_only=True)
class NoiseFloor:
    """Share of greedy requests that came out otherwise in another batch.

    `tokens`: the token ids differ anywhere; `meaning`: the answers mean something else, which
    is also the mean semantic entropy of the two as a share of ln 2; `verdict`: the verdict
    differs (`n` less those of which either answer is unscored). `n` counts requests.
    """

    tokens: Estimate
    meaning: Estimate
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
    clusters, _ = pd.factorize(pairs["cluster"], sort=True)

    def share(differs: pd.Series, known: np.ndarray) -> Estimate:
        return grouped_rates(
            np.zeros(len(pairs), dtype=np.int64),
            clusters,
            (differs.to_numpy(dtype=bool) & known).astype(float),
            known.astype(float),
            groups=1,
            unscored=(~known).astype(float),
        ).estimate(0)

    unknown = str(Verdict.UNSCORED)
    verdicts, first = pairs["verdict"].astype(str), pairs["verdict_first"].astype(str)
    all_ = np.ones(len(pairs), dtype=bool)
    return NoiseFloor(
        tokens=share(pairs["tokens"] != pairs["tokens_first"], all_),
        meaning=share(pairs["meaning"] != pairs["meaning_first"], all_),
        verdict=share(
            verdicts != first, ((verdicts != unknown) & (first != unknown)).to_numpy(dtype=bool)
        ),
    )


def hallucination_matrix(table: pd.DataFrame) -> pd.DataFrame:
    """Hallucination rate of the sampled answers, questions [rows] by variants [columns].

    Indexed by (suite, question_id); NaN where no answer of the cell says anything. Falls back
    on the greedy answers when the run has no sampled ones.
    """
    made_up, answers = _counts_by_variant(table)
    return made_up / answers.where(answers > 0)


def _counts_by_variant(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hallucinated answers and those that say something, (suite, question_id) by variants."""
    rows = sampled(table)
    rows = rows if len(rows) else greedy(table)
    rows = rows[responded(rows)]
    made_up = (rows["verdict"] == str(Verdict.HALLUCINATED)).astype(float)
    keys = [rows["suite"], rows["question_id"], rows["variant"]]
    grouped = made_up.groupby(keys, observed=True).agg(["sum", "size"])
    sums, sizes = grouped["sum"].unstack("variant"), grouped["size"].unstack("variant")
    return sums.sort_index().fillna(0.0), sizes.sort_index().fillna(0).astype(float)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How far the hallucination rate of a suite moves between variants.

    spread: of the worst variant less the best. A spread is never 0, even where wording does
    nothing, so `by_chance` holds its median and 95th percentile after the variants of every
    question are shuffled, and `p` how often such a spread reaches the one found. `rates`
    holds the rate of every variant.
    """

    worst: str
    best: str
    spread: float
    by_chance: tuple[float, float]
    p: float
    rates: dict[str, float]
    questions: int


def spread_over_variants(
    table: pd.DataFrame, *, permutations: int = PERMUTATIONS
) -> dict[str, Spread]:
    """The spread of every suite that has at least two variants whose answers say something."""
    made_up, answers = _counts_by_variant(table)
    found = {}
    for suite in sorted(set(made_up.index.get_level_values("suite"))):
        here = answers.loc[[suite]]
        variants = [name for name in here.columns if here[name].sum() > 0]
        if len(variants) >= 2:
            found[str(suite)] = _spread(
                made_up.loc[[suite], variants].to_numpy(),
                here[variants].to_numpy(),
                [str(name) for name in variants],
                seed=derive_seed(0, "spread over variants", suite),
                permutations=permutations,
            )
    return found


def _spread(
    made_up: np.ndarray, answers: np.ndarray, names: list[str], *, seed: int, permutations: int
) -> Spread:
    """made_up, answers: counts [questions, variants]."""
    import numpy as np

    def rates_of(events: np.ndarray, totals: np.ndarray) -> np.ndarray:
        return events.sum(0) / np.maximum(totals.sum(0), 1)

    rates = rates_of(made_up, answers)
    rng = np.random.default_rng(seed)
    chance = np.empty(permutations)
    for i in range(permutations):
        order = rng.random(made_up.shape).argsort(axis=1)
        moved = [np.take_along_axis(counts, order, axis=1) for counts in (made_up, answers)]
        chance[i] = np.ptp(rates_of(*moved))
    spread = float(np.ptp(rates))
    return Spread(
        worst=names[int(rates.argmax())],
        best=names[int(rates.argmin())],
        spread=spread,
        by_chance=(float(np.median(chance)), float(np.quantile(chance, 0.95))),
        p=(1 + int((chance >= spread - 1e-12).sum())) / (1 + permutations),
        rates=dict(zip(names, map(float, rates), strict=True)),
        questions=len(made_up),
    )

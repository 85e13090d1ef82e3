"""Warning signals: what can be seen of an answer without the truth, and how well it warns.

For every answer that says something (one that says nothing made nothing up, and would be
credited to the signals as an honest one): the mean and the least log-probability of its
tokens, the mean entropy of the distributions that they were drawn from, how far the samples
of its prompt agree with it, their discrete semantic entropy, and their mean negative
log-probability (predictive entropy per token, estimated from the samples; Kuhn et al. 2023,
section 3, normalised by length). Because the truth is known here, each is judged
by how well it ranks hallucinated above other answers (AUROC), by the rate of hallucination
among the answers kept when the most suspicious are held back (risk against coverage, and
its area; El-Yaniv and Wiener 2010, Geifman and El-Yaniv 2017), and by the threshold that
would have kept that rate under a target: chosen on one half of the entities and shown on
the other, halves being cut by a hash of the cluster's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.records import Verdict
from harness.core.seeds import content_hash, derive_seed
from harness.stats.entropy import semantic_entropy
from harness.stats.intervals import CONFIDENCE, FEW, Estimate, grouped_rates
from harness.stats.tables import cell_codes, responded, sampled

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

TARGETS = (0.05, 0.1, 0.2)  # rates of hallucination among the answers kept
REPETITIONS = 400  # of the cluster bootstrap of the curve
TOGETHER = 50  # of these, computed at once
BINS = 100  # of the curve's intervals: scores are cut at quantiles, ties kept together
POINTS = tuple(round(0.02 * i, 2) for i in range(1, 51))  # coverages of the curve


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One number per answer; `sign` turns it so that more is more suspicious."""

    id: str
    title: str
    meaning: str
    sign: int


SIGNALS: dict[str, Signal] = {
    signal.id: signal
    for signal in (
        Signal(id="mean_logprob", title="mean log-probability", sign=-1,
               meaning="Of the answer's tokens, in nats; low is suspicious."),
        Signal(id="min_logprob", title="least log-probability", sign=-1,
               meaning="Of the answer's least likely token, in nats; low is suspicious."),
        Signal(id="mean_entropy", title="mean token entropy", sign=1,
               meaning="Of the model's whole distribution before each token, in nats; high is "
               "suspicious."),
        Signal(id="agreement", title="agreement among samples", sign=-1,
               meaning="Share of the other samples of the prompt that mean the same; low is "
               "suspicious."),
        Signal(id="semantic_entropy", title="semantic entropy", sign=1,
               meaning="Discrete semantic entropy of the prompt's samples, in nats; high is "
               "suspicious."),
        Signal(id="predictive_entropy", title="predictive entropy", sign=1,
               meaning="Mean over the prompt's samples of the negative mean log-probability, "
               "in nats per token; high is suspicious."),
    )
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Area:
    """An area (under ROC or under risk against coverage) with its limits; None: undefined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """What a threshold does: chosen on one half of the clusters, shown on the other.

    Answers are kept where the signal is no more suspicious than `value`. `kept_*` are
    hallucinated / kept, `coverage_*` kept / those that say something.
    """

    target: float
    value: float
    kept_chosen: Estimate
    coverage_chosen: Estimate
    kept_shown: Estimate
    coverage_shown: Estimate


@dataclass(frozen=True, kw_only=True)
class Warned:
    """How well one signal warns. `n` answers that say something had it, `missing` had not.

    curve: (coverage, risk, low, high) rows; thresholds: None where no threshold reaches the
    target on the half where it is chosen.
    """

    n: int
    events: int
    clusters: int
    missing: int
    auroc: Area
    suites: dict[str, Area]  # AUROC within each suite
    aurc: Area
    curve: tuple[tuple[float, float, float, float], ...]
    thresholds: dict[float, Threshold | None]


def with_signals(table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` (of one kind) with a column for each signal; samples come from `table`.

    A sampled answer is compared with the other samples of its question and variant, a
    greedy one with all of them. NaN where there is nothing to compare with.
    """
    import numpy as np

    cell = ["question_id", "variant"]
    samples = sampled(table)
    found = rows.copy()
    codes, first = cell_codes(samples, cell)
    count = len(first)
    alike = samples.assign(cell=codes).groupby([*cell, "meaning"]).size()
    counts = alike.rename("alike").reset_index()
    owner, firsts = cell_codes(counts, cell)
    about = counts.iloc[firsts][cell].copy()
    about["semantic_entropy"] = semantic_entropy(
        counts["alike"].to_numpy(dtype=float), owner, cells=len(firsts)
    )
    about["samples"] = np.bincount(codes, minlength=count)
    about["predictive_entropy"] = _mean_by(codes, -samples["mean_logprob"].to_numpy(), count)
    found = found.merge(counts, on=[*cell, "meaning"], how="left", validate="m:1")
    found = found.merge(about, on=cell, how="left", validate="m:1")
    found.index = rows.index
    own = (found["sample"] >= 1).astype(float)
    others = found["samples"] - own
    agree = found["alike"].fillna(0.0) - own
    found["agreement"] = agree / others.where(others > 0)
    several = found["samples"] >= 2
    for name in ("semantic_entropy", "predictive_entropy"):
        found[name] = found[name].where(several)
    return found.drop(columns=["alike", "samples"])


def _mean_by(codes: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Mean of the known values of each code [count]; NaN where none is known."""
    import numpy as np

    known = ~np.isnan(values)
    n = np.bincount(codes[known], minlength=count)
    sums = np.bincount(codes[known], values[known], count)
    return np.where(n > 0, sums / np.maximum(n, 1), np.nan)


def warning_signals(
    table: pd.DataFrame, rows: pd.DataFrame, *, targets: Sequence[float] = TARGETS
) -> dict[str, Warned]:
    """Judge every signal that is known for some answers of `rows` that say something."""
    import numpy as np
    import pandas as pd

    answers = with_signals(table, rows[responded(rows)])
    made_up = (answers["verdict"] == str(Verdict.HALLUCINATED)).to_numpy(dtype=float)
    clusters, names = pd.factorize(answers["cluster"], sort=True)
    chosen_half = np.array([half_of(str(name)) == 0 for name in names], dtype=bool)
    suites, suite_names = pd.factorize(answers["suite"], sort=True)
    found = {}
    for signal in SIGNALS.values():
        if signal.id not in answers:  # a table made before there was such a signal
            continue
        values = answers[signal.id].to_numpy(dtype=float)
        known = ~np.isnan(values)
        if not known.any():
            continue
        score, y, cluster = signal.sign * values[known], made_up[known], clusters[known]
        aurc, curve = _risk_against_coverage(score, y, cluster, seed=derive_seed(0, signal.id))
        first = chosen_half[cluster]
        found[signal.id] = Warned(
            n=len(y),
            events=int(y.sum()),
            clusters=int(np.unique(cluster).size),
            missing=int((~known).sum()),
            auroc=auroc(score, y, cluster),
            suites={
                str(name): auroc(score[here], y[here], cluster[here])
                for i, name in enumerate(suite_names)
                if (here := suites[known] == i).any()
            },
            aurc=aurc,
            curve=curve,
            thresholds={
                target: _threshold(score, y, cluster, first, target=target, sign=signal.sign)
                for target in targets
            },
        )
    return found


def half_of(cluster: str) -> int:
    """0 or 1: the half of a cluster, by its name alone, so that it is the same in every run."""
    return int(content_hash("warning signals", cluster), 16) % 2


def auroc(score: np.ndarray, y: np.ndarray, cluster: np.ndarray) -> Area:
    """Chance that a hallucinated answer scores higher than another one, ties counting half.

    score, y (0 or 1), cluster (int codes): [answers]. The variance sums the placement values
    over clusters (Obuchowski 1997); the limits are taken on the logit scale with a t
    quantile, exact 0 and 1 excepted, where nothing shows the scatter and they are None.
    """
    import numpy as np
    from scipy import stats

    positive, negative = y > 0, y <= 0
    m, n = int(positive.sum()), int(negative.sum())
    if not m or not n:
        return Area(value=None, low=None, high=None)
    ranks = stats.rankdata(score)
    placed = np.empty(len(y))
    # share of the other kind that lies below, ties counting half
    placed[positive] = (ranks[positive] - stats.rankdata(score[positive])) / n
    placed[negative] = 1 - (ranks[negative] - stats.rankdata(score[negative])) / m
    area = float(placed[positive].mean())
    deviation = np.where(positive, (placed - area) / m, (placed - area) / n)
    sums = np.bincount(cluster, deviation)
    present = np.bincount(cluster) > 0
    count = int(present.sum())
    if count < 2 or not 0 < area < 1:
        return Area(value=area, low=None, high=None)
    error = float(np.sqrt(count / (count - 1) * (sums[present] ** 2).sum()))
    logit = np.log(area / (1 - area))
    half = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * error / (area * (1 - area))
    limits = 1 / (1 + np.exp(-(logit + np.array([-half, half]))))
    return Area(value=area, low=float(limits[0]), high=float(limits[1]))


def risk_curve(score: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hallucinated and kept answers [answers] as answers are kept from the least suspicious on.

    Answers of one score come in no order, so each counts as their mean.
    """
    import numpy as np

    order = np.argsort(score, kind="stable")
    _, block = np.unique(score[order], return_inverse=True)
    mean = np.bincount(block, y[order]) / np.bincount(block)
    return np.cumsum(mean[block]), np.arange(1, len(y) + 1)


def _risk_against_coverage(
    score: np.ndarray, y: np.ndarray, cluster: np.ndarray, *, seed: int
) -> tuple[Area, tuple[tuple[float, float, float, float], ...]]:
    """Area and curve with limits by a percentile bootstrap of clusters.

    The estimates are exact; the bootstrap works on scores cut at `BINS` quantiles, so that
    it needs sums of [clusters, bins] only, and its deviations are laid about the estimates.
    """
    import numpy as np

    hits, kept = risk_curve(score, y)
    risk = hits / kept
    places = np.clip(np.ceil(np.array(POINTS) * len(y) - 1e-9).astype(int) - 1, 0, None)
    edges = np.unique(np.quantile(score, np.arange(1, BINS) / BINS))
    bins = np.searchsorted(edges, score)
    width, count = len(edges) + 1, int(cluster.max()) + 1
    cell = cluster * width + bins
    events = np.bincount(cell, y, count * width).reshape(count, width)
    totals = np.bincount(cell, minlength=count * width).reshape(count, width).astype(float)
    centre_area, centre = _binned(events.sum(0)[None], totals.sum(0)[None])
    present = np.flatnonzero(totals.sum(1) > 0)
    rng = np.random.default_rng(seed)
    areas, curves = [], []
    for _ in range(0, REPETITIONS, TOGETHER):
        drawn = rng.integers(len(present), size=(TOGETHER, len(present)))
        drawn += np.arange(TOGETHER)[:, None] * len(present)
        weights = np.bincount(drawn.ravel(), minlength=TOGETHER * len(present))
        weights = weights.reshape(TOGETHER, -1).astype(float)
        area, curve = _binned(weights @ events[present], weights @ totals[present])
        areas.append(area - centre_area)
        curves.append(curve - centre)
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    shift = np.quantile(np.concatenate(areas), tails)
    band = np.clip(np.quantile(np.concatenate(curves), tails, axis=0) + risk[places], 0, 1)
    value = float(risk.mean())
    low, high = np.clip(value + shift, 0, 1)
    rows = zip(POINTS, risk[places], band[0], band[1], strict=True)
    curve_rows = tuple((float(c), float(r), float(a), float(b)) for c, r, a, b in rows)
    return Area(value=value, low=float(low), high=float(high)), curve_rows


def _binned(events: np.ndarray, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Area [repetitions] and risks at `POINTS` [repetitions, points] from sums over bins.

    events, totals: [repetitions, bins], bins from the least suspicious on; inside a bin
    answers come in no order, so hits grow evenly.
    """
    import numpy as np

    kept = np.cumsum(totals, axis=1)
    hits = np.cumsum(events, axis=1)
    zero = np.zeros((len(kept), 1))
    kept, hits = np.hstack([zero, kept]), np.hstack([zero, hits])
    all_ = np.maximum(kept[:, -1:], 1e-300)
    wanted = np.array(POINTS) * all_
    risks = np.stack([
        np.interp(wanted[i], kept[i], hits[i]) / wanted[i] for i in range(len(kept))
    ])  # fmt: skip
    fine = np.linspace(0, 1, 401)[1:] * all_
    area = np.array([
        (np.interp(fine[i], kept[i], hits[i]) / fine[i]).mean() for i in range(len(kept))
    ])  # fmt: skip
    return area, risks


def _threshold(
    score: np.ndarray,
    y: np.ndarray,
    cluster: np.ndarray,
    first: np.ndarray,
    *,
    target: float,
    sign: int,
) -> Threshold | None:
    """The threshold that keeps most answers of the first half at a rate of at most `target`.

    None where no threshold does with answers of at least `FEW` clusters kept, or where a
    half has no answers.
    """
    import numpy as np

    if not first.any() or first.all():
        return None
    order = np.argsort(score[first], kind="stable")
    ranked = score[first][order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # last of equal scores
    hits = np.cumsum(y[first][order])[ends]
    newly = np.zeros(len(ranked))
    newly[np.unique(cluster[first][order], return_index=True)[1]] = 1
    clusters = np.cumsum(newly)[ends]
    good = np.flatnonzero((hits <= target * (ends + 1)) & (clusters >= FEW))
    if not len(good):
        return None
    limit = ranked[ends[good[-1]]]
    kept = score <= limit
    rates = grouped_rates(np.where(first, 0, 1), cluster, y * kept, kept.astype(float), groups=2)
    share = grouped_rates(
        np.where(first, 0, 1), cluster, kept.astype(float), np.ones(len(y)), groups=2
    )
    return Threshold(
        target=target,
        value=float(sign * limit),
        kept_chosen=rates.estimate(0),
        coverage_chosen=share.estimate(0),
        kept_shown=rates.estimate(1),
        coverage_shown=share.estimate(1),
    )

"""Rates corrected for the errors of the grader, by answers that people labelled.

Two situations, two estimators; neither ever leaves 0 to 1.

`two_phase`: the labels are a sample of the very answers whose rate is wanted, stratified by
what the grader said. What is missing is then only the share of hallucinated answers among
those it called hallucinated (its positive predictive value, PPV) and among the others
(1 - NPV): corrected = p PPV + (1 - p)(1 - NPV), with p the grader's own rate. This is the
two-phase, or double-sampling, estimator (Tenenbein 1970; Cochran 1977, chapter 12); nothing
is inverted, so a poor grader makes it wide, not wild. Interval: MOVER (Zou and Donner 2008)
over the three parts, p with the cluster interval of `harness.stats.intervals`, PPV and
1 - NPV with Jeffreys' (Brown, Cai and DasGupta 2001) on effective numbers of labels, and the
correlations that shared clusters bring; p and PPV form a product and meet on the log scale.

`rogan_gladen`: the labels are of another run, whose rate may be another, so only the
grader's sensitivity and specificity can be carried over: corrected = (p + sp - 1) /
(se + sp - 1), cut to 0 to 1 (Rogan and Gladen 1978), with the interval of Lang and Reiczigel
(2014, Preventive Veterinary Medicine 113), on effective sizes. `accuracy` gives se and sp
from labels that were stratified by verdict.

How often the intervals cover the truth: bench/correction_simulation.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.stats.intervals import CONFIDENCE, grouped_rates
from harness.stats.shares import Share, figure_of_two, jeffreys

if TYPE_CHECKING:
    import numpy as np

TWO_PHASE = "two-phase"
ROGAN_GLADEN = "Rogan-Gladen"
PSEUDO = 2  # labels that Lang and Reiczigel add to each sample, half of them errors
LEAST_YOUDEN = 0.1  # of se + sp - 1, below which a correction says nothing
LEAST_SHARE = 1e-3  # of a product that a limit leaves
FEW_CLUSTERS = 5  # with (or without) hallucinations among the labels, to tell how alike they are
LEAST_EFFECT = 0.9  # of clusters on labels: an even spread by chance is not to be trusted


@dataclass(frozen=True, kw_only=True)
class Answers:
    """All scored answers: said [N] (the grader: hallucinated), weight [N], cluster [N] codes.

    Weights say how much an answer counts in the rate: one over the answers of its suite for
    a macro-average over suites.
    """

    said: np.ndarray
    weight: np.ndarray
    cluster: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Labelled answers, M of them: what the grader said, and what people did.

    said [M]; truth [M] in 0 to 1 (people: hallucinated); weight [M], how much of the answers
    each stands for, on the scale of theirs; cluster [M], the same codes as theirs.
    """

    said: np.ndarray
    truth: np.ndarray
    weight: np.ndarray
    cluster: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Sensitivity and specificity of a grader, and on how many labels they rest."""

    sensitivity: Share
    specificity: Share
    labels: int


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """A corrected rate with its 95% limits; `rate` None and a `reason` where there is none."""

    rate: float | None
    low: float | None
    high: float | None
    labels: int
    method: str | None
    reason: str | None = None

    def to_data(self) -> dict[str, Any]:
        """Plain data for summary.json; rates rounded to six digits."""
        rounded = {
            key: None if value is None else round(value, 6)
            for key, value in (("rate", self.rate), ("low", self.low), ("high", self.high))
        }
        return {**rounded, "labels": self.labels, "method": self.method, "reason": self.reason}


def not_corrected(reason: str, *, labels: int = 0) -> Corrected:
    """No corrected rate, and why."""
    return Corrected(rate=None, low=None, high=None, labels=labels, method=None, reason=reason)


def two_phase(answers: Answers, labels: Labels) -> Corrected:
    """The rate among `answers`, from labels of a sample of them; see the head of this file."""
    import numpy as np

    count = len(labels.said)
    if not len(answers.said):
        return not_corrected("no answer was scored", labels=count)
    phase = _first_phase(answers)
    p, low_p, high_p, spread_p = phase.rate, phase.low, phase.high, phase.influence
    found = {}
    for said, of_all in ((True, p), (False, 1 - p)):
        among = labels.said == said
        if not among.any():
            if of_all > 0:
                return not_corrected(_unlabelled(said), labels=count)
            # Nothing lies there: its limits count for nothing; the worst is assumed of it.
            found[said] = (Share(rate=float(said), low=0, high=1, effective=0), 0 * spread_p)
        else:
            found[said] = _part(labels, among, phase)
    (a, spread_a), (b, spread_b) = found[True], found[False]
    slope = a.rate - b.rate
    if slope < 0:  # a rate of the grader that rises makes the true one fall
        low_p, high_p = 2 * p - high_p, 2 * p - low_p
    vectors = np.stack([spread_p * (1 if slope >= 0 else -1), spread_a, spread_b])
    shared = _correlations(vectors)
    # PPV and 1 - NPV rest on different answers, few of them in a cluster.
    shared[1, 2] = shared[2, 1] = 0.0
    weights = np.array([abs(slope), p, 1 - p])
    below = weights * [p - low_p, a.rate - a.low, b.rate - b.low]
    above = weights * [high_p - p, a.high - a.rate, b.high - b.rate]
    rate = p * a.rate + (1 - p) * b.rate
    return Corrected(
        rate=rate,
        low=max(rate - _distance(-below, p * a.rate, shared), 0.0),
        high=min(rate + _distance(above, p * a.rate, shared), 1.0),
        labels=count,
        method=TWO_PHASE,
    )


def _distance(parts: np.ndarray, product: float, shared: np.ndarray) -> float:
    """How far a limit lies from the rate; parts [3]: signed, by p, PPV and 1 - NPV.

    p and PPV form a product, so the two are put together on the log scale (MOVER there, as
    Zou and Donner 2008 have it for ratios), and what that makes of the product with the third.
    """
    import numpy as np

    squared = float(parts @ shared @ parts)
    if product > 0:
        relative = np.maximum(parts[:2] / product, -1 + LEAST_SHARE)
        logs = np.abs(np.log1p(relative))
        both = np.sqrt(max(logs @ shared[:2, :2] @ logs, 0.0))
        moved = abs(np.expm1(np.sign(parts.sum()) * both)) * product
        squared += float(moved**2 - parts[:2] @ shared[:2, :2] @ parts[:2])
    return float(np.sqrt(max(squared, 0.0)))


def accuracy(answers: Answers, labels: Labels) -> Accuracy | str:
    """Sensitivity and specificity, from labels stratified by verdict; or why there are none.

    se = p PPV / (p PPV + (1 - p)(1 - NPV)), and sp likewise; limits by MOVER over PPV and NPV.
    """
    for said in (True, False):
        if not (labels.said == said).any():
            return _unlabelled(said)
    phase = _first_phase(answers)
    p = phase.rate
    if not 0 < p < 1:
        return f"the grader called {'every' if p else 'no'} answer hallucinated"
    a, _ = _part(labels, labels.said, phase)
    b, _ = _part(labels, ~labels.said, phase)
    if not a.rate and not b.rate:
        return "people found no hallucinated answer among those labelled"
    if a.rate == 1 and b.rate == 1:
        return "people found every labelled answer hallucinated"

    def sensitivity(ppv: float, missed: float) -> float:
        hit = p * ppv
        return hit / (hit + (1 - p) * missed) if hit else 0.0

    def specificity(ppv: float, missed: float) -> float:
        clear = (1 - p) * (1 - missed)
        return clear / (clear + p * (1 - ppv)) if clear else 0.0

    return Accuracy(
        sensitivity=figure_of_two(sensitivity, a, b),
        specificity=figure_of_two(specificity, a, b),
        labels=len(labels.said),
    )


def rogan_gladen(rate: float, effective: float, known: Accuracy) -> Corrected:
    """The corrected rate from the grader's rate over `effective` independent answers.

    Source: Rogan and Gladen 1978; interval: Lang and Reiczigel 2014, which adds z^2 answers
    to the sample and two labels to each of the others, and shifts for skewness.
    """
    import numpy as np

    z = _z()
    se, sp = known.sensitivity, known.specificity
    if se.rate + sp.rate - 1 < LEAST_YOUDEN:
        what = f"sensitivity {se.rate:.2f} and specificity {sp.rate:.2f}"
        return not_corrected(f"the grader tells the two hardly apart ({what})", labels=known.labels)
    n = effective + z**2
    p = (rate * effective + z**2 / 2) / n
    n_se, n_sp = se.effective + PSEUDO, sp.effective + PSEUDO
    hit = (se.rate * se.effective + PSEUDO / 2) / n_se
    clear = (sp.rate * sp.effective + PSEUDO / 2) / n_sp
    youden = hit + clear - 1
    if youden < LEAST_YOUDEN:
        few = "too few labels to know the grader's sensitivity and specificity"
        return not_corrected(few, labels=known.labels)
    middle = (p + clear - 1) / youden
    of_se, of_sp = hit * (1 - hit) / n_se, clear * (1 - clear) / n_sp
    scatter = p * (1 - p) / n + middle**2 * of_se + (1 - middle) ** 2 * of_sp
    half = z * float(np.sqrt(scatter)) / youden
    shift = 2 * z**2 * (middle * of_se - (1 - middle) * of_sp)
    corrected = _cut((rate + sp.rate - 1) / (se.rate + sp.rate - 1))
    return Corrected(
        rate=corrected,
        low=min(_cut(middle + shift - half), corrected),
        high=max(_cut(middle + shift + half), corrected),
        labels=known.labels,
        method=ROGAN_GLADEN,
    )


@dataclass(frozen=True)
class _Phase:
    """The grader's own rate. `correlation`: of its verdicts within a cluster, at least 0."""

    rate: float
    low: float
    high: float
    influence: np.ndarray
    correlation: float
    effective: float


def mean_of(
    parts: Sequence[Corrected], weights: Sequence[float], answers: Sequence[Answers]
) -> Corrected:
    """The weighted mean of corrected rates (weights sum to 1); not corrected where one is not.

    answers: those of each part, with the same cluster codes: what their rates share through
    clusters widens the interval (MOVER), and never narrows it.
    """
    import numpy as np

    labels = sum(part.labels for part in parts)
    for part in parts:
        if part.rate is None:
            return not_corrected(part.reason or "", labels=labels)
    width = max(int(one.cluster.max()) + 1 for one in answers)
    vectors = np.zeros((len(parts), width))
    for row, one in zip(vectors, answers, strict=True):
        influence = _first_phase(one).influence
        row[: len(influence)] = influence
    shared = np.clip(_correlations(vectors), 0.0, None)
    share = np.asarray(weights)
    ends = np.array([(part.rate, part.low, part.high) for part in parts], dtype=float)
    rate = float(share @ ends[:, 0])
    return Corrected(
        rate=rate,
        low=_cut(rate - _length(share * (ends[:, 0] - ends[:, 1]), shared)),
        high=_cut(rate + _length(share * (ends[:, 2] - ends[:, 0]), shared)),
        labels=labels,
        method=parts[0].method,
    )


def observed(answers: Answers) -> tuple[float, float]:
    """The grader's rate, and how many independent answers it rests on."""
    phase = _first_phase(answers)
    return phase.rate, phase.effective


def _first_phase(answers: Answers) -> _Phase:
    import numpy as np

    weight = answers.weight * (answers.weight.sum() / (answers.weight**2).sum())
    zeros = np.zeros(len(weight), dtype=np.int64)
    found = grouped_rates(zeros, answers.cluster, weight * answers.said, weight, groups=1)
    rate, n = float(found.rate[0]), float(found.n[0])
    influence = found.influence[0]
    binomial = rate * (1 - rate) / n
    # An even spread by chance is no reason to trust more than every answer on its own.
    effect = max(float((influence**2).sum()) / binomial, 1.0) if binomial else 1.0
    present = found.present[0].sum()
    size = n / present  # of a cluster, in answers that weigh alike
    return _Phase(
        rate=rate,
        low=float(found.low[0]),
        high=float(found.high[0]),
        influence=influence,
        correlation=min((effect - 1) / (size - 1), 1.0) if size > 1 else 0.0,
        effective=n / effect if binomial else float(present),
    )


def _part(labels: Labels, among: np.ndarray, phase: _Phase) -> tuple[Share, np.ndarray]:
    """Share of truth among some labels, and how each cluster sways it.

    The effective number of labels is Kish's for unequal weights, less what the clusters take.
    The few labels tell that badly and the grader's verdicts, being of another thing, tell it
    wrongly, so it is the mean of both (in simulation either alone covers worse).
    """
    import numpy as np

    weight, cluster = labels.weight[among], labels.cluster[among]
    truth, width = labels.truth[among], len(phase.influence)
    total = weight.sum()
    rate = float((weight * truth).sum() / total)
    kish = float(total**2 / (weight**2).sum())
    by_cluster = np.bincount(cluster, weight, width) / total
    together = float((by_cluster**2).sum()) * kish  # labels of an average label's cluster
    effect = 1 + max(together - 1, 0.0) * phase.correlation
    spread = np.bincount(cluster, weight * (truth - rate), width) / total
    with_any = (np.bincount(cluster, truth, width) > 0).sum()
    without = (np.bincount(cluster, 1 - truth, width) > 0).sum()
    if min(with_any, without) >= FEW_CLUSTERS:
        clusters = int((by_cluster > 0).sum())
        scatter = float((spread**2).sum()) * clusters / (clusters - 1)
        effect = max((effect + scatter * kish / (rate * (1 - rate))) / 2, LEAST_EFFECT)
    effective = kish / effect
    low, high = jeffreys(rate * effective, effective)
    return Share(rate=rate, low=low, high=high, effective=effective), spread


def _correlations(vectors: np.ndarray) -> np.ndarray:
    """Correlations [P, P] of figures through the clusters they share; vectors [P, C]."""
    import numpy as np

    norms = np.linalg.norm(vectors, axis=1)
    unit = vectors / np.where(norms > 1e-12, norms, 1.0)[:, None]
    shared = unit @ unit.T
    np.fill_diagonal(shared, 1.0)
    return shared


def _length(parts: np.ndarray, shared: np.ndarray) -> float:
    import numpy as np

    return float(np.sqrt(max(parts @ shared @ parts, 0.0)))


def _unlabelled(said: bool) -> str:
    called = "hallucinated" if said else "anything but hallucinated"
    return f"no answer that the grader called {called} is labelled"


def _cut(value: float) -> float:
    return min(max(float(value), 0.0), 1.0)


def _z() -> float:
    from scipy import stats

    return float(stats.norm.ppf((1 + CONFIDENCE) / 2))

"""Variance components of the 0/1 indicator of hallucination: where its scatter comes from.

A random-effects model of crossed factors (question, variant, and training seed where there
are several) and their interactions, with the scatter inside a cell (decoding) as the
residual; estimated by the analysis of variance for unequal numbers of answers: uncorrected
sums of squares T are set equal to their expectations, which are linear in the components
(Henderson 1953, method 1; Searle, Casella and McCulloch 1992, chapter 5; in
generalisability theory the "analogous-ANOVA procedure", Brennan 2001, chapter 7). With
equal numbers it is the ordinary two-way analysis of variance.

Answers that say nothing are left out: silence is no honest answer, and where it lies is
another question.

Intervals resample clusters of questions with replacement (percentiles); variants and
training seeds stay those of the run, so an interval speaks of other questions, not of
other wordings. An estimate can come out below 0 where a component is small; it is kept so,
since cutting it off would bias averages, and its share counts as 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from harness.core.records import Verdict
from harness.core.seeds import derive_seed
from harness.stats.tables import responded

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

QUESTION = "question_id"
TITLES = {QUESTION: "question", "variant": "variant", "train_seed": "training seed"}
WITHIN = "within cell"
REPETITIONS = 1000
SINGULAR = 1e9  # condition number from which answers do not identify the components
TOGETHER = 100  # bootstrap repetitions computed at once, to bound memory

Effect = tuple[str, ...]  # factors that it crosses


@dataclass(frozen=True, kw_only=True)
class Component:
    """One variance with its interval, and its share of the sum of all (0 where negative)."""

    variance: float
    low: float
    high: float
    share: float


@dataclass(frozen=True, kw_only=True)
class Components:
    """Components by title, in the order of the model, over `answers` answers that say something."""

    components: dict[str, Component]
    answers: int
    questions: int
    clusters: int
    levels: dict[str, int]  # of every factor but the question


def variance_components(
    table: pd.DataFrame, *, repetitions: int = REPETITIONS
) -> tuple[Components | None, dict[str, Components]]:
    """Components of each suite, and their mean over suites.

    table: rows of one kind (`tables.sampled`); a column train_seed with several values makes
    it a factor. A suite is left out where its answers do not identify every component: it
    needs two clusters, two levels of each factor, and cells with several such answers.
    The mean is None where no suite is left.
    """
    import numpy as np
    import pandas as pd

    rows = table[responded(table)]
    clusters, names = pd.factorize(rows["cluster"], sort=True)
    factors = [QUESTION, "variant"]
    if "train_seed" in rows and rows["train_seed"].nunique() > 1:
        factors.insert(0, "train_seed")
    suites: dict[str, Components] = {}
    designs: dict[str, tuple[_Design, np.ndarray]] = {}
    for suite, chosen in sorted(rows.groupby("suite", sort=True).indices.items()):
        design = _Design(rows.iloc[chosen], clusters[chosen], len(names), factors)
        whole = design.estimates(np.ones((1, len(names))))[0]
        if np.isfinite(whole).all() and design.clusters > 1:
            designs[str(suite)] = (design, whole)
    if not designs:
        return None, {}
    draws: dict[str, list[np.ndarray]] = {suite: [] for suite in designs}
    rng = np.random.default_rng(derive_seed(0, "variance components"))
    for start in range(0, repetitions, TOGETHER):
        count = min(TOGETHER, repetitions - start)
        weights = _resampled(rng, count, len(names))
        for suite, (design, _) in designs.items():
            draws[suite].append(design.estimates(weights))
    together = {suite: np.concatenate(parts) for suite, parts in draws.items()}
    for suite, (design, whole) in designs.items():
        suites[suite] = _components(
            design,
            whole,
            together[suite],
            answers=design.answers,
            questions=design.questions,
            clusters=design.clusters,
        )
    mean = np.mean([whole for _, whole in designs.values()], axis=0)
    spread = np.nanmean(np.stack(list(together.values())), axis=0)
    kept = rows["suite"].isin(list(designs))
    return (
        _components(
            next(iter(designs.values()))[0],
            mean,
            spread,
            answers=int(kept.sum()),
            questions=int(rows["question_id"][kept].nunique()),
            clusters=int(rows["cluster"][kept].nunique()),
        ),
        suites,
    )


def _components(
    design: _Design,
    estimates: np.ndarray,
    draws: np.ndarray,
    *,
    answers: int,
    questions: int,
    clusters: int,
) -> Components:
    """Name the estimates [effects]; draws: bootstrap estimates [repetitions, effects]."""
    import numpy as np

    positive = np.maximum(estimates, 0)
    total = positive.sum() or 1.0
    low, high = np.nanquantile(draws, [0.025, 0.975], axis=0)
    found = {
        title: Component(
            variance=float(estimates[i]),
            low=float(min(low[i], estimates[i])),  # resampling shifts small components a little
            high=float(max(high[i], estimates[i])),
            share=float(positive[i] / total),
        )
        for i, title in enumerate(design.titles)
    }
    return Components(
        components=found,
        answers=answers,
        questions=questions,
        clusters=clusters,
        levels=design.levels,
    )


def _resampled(rng: np.random.Generator, count: int, clusters: int) -> np.ndarray:
    """How often each cluster is drawn [count, clusters] when all are drawn anew."""
    import numpy as np

    drawn = rng.integers(clusters, size=(count, clusters))
    drawn += np.arange(count)[:, None] * clusters
    return np.bincount(drawn.ravel(), minlength=count * clusters).reshape(count, clusters) * 1.0


class _Design:
    """Sums over the answers of one suite from which components follow for any cluster weights.

    Questions are nested in clusters. So for an effect that crosses the question every sum is
    a number for each cluster; for the others (variant, training seed, the mean) it is a
    number for each cluster and level, squared only after the clusters are weighted.
    """

    def __init__(
        self, rows: pd.DataFrame, cluster: np.ndarray, clusters: int, factors: Sequence[str]
    ) -> None:
        import numpy as np
        import pandas as pd

        self.effects: list[Effect] = [
            effect for size in range(1, len(factors) + 1) for effect in combinations(factors, size)
        ]
        self.titles = [" x ".join(TITLES[name] for name in effect) for effect in self.effects]
        self.titles.append(WITHIN)
        coded = {name: pd.factorize(rows[name], sort=True) for name in factors}
        self._codes = {name: codes.astype(np.int64) for name, (codes, _) in coded.items()}
        self._sizes = {name: len(values) for name, (_, values) in coded.items()}
        self.levels = {TITLES[k]: n for k, n in self._sizes.items() if k != QUESTION}
        self.answers, self.questions = len(rows), self._sizes[QUESTION]
        self.clusters = int(np.unique(cluster).size)
        self._cluster, self._width = cluster, clusters
        self._made_up = (rows["verdict"] == str(Verdict.HALLUCINATED)).to_numpy(dtype=float)
        lines: list[Effect] = [(), *self.effects]
        nested = [effect for effect in lines if QUESTION in effect]
        crossed = [effect for effect in lines if QUESTION not in effect]
        self._nested = {effect: self._nested_sums(effect) for effect in nested}
        self._totals = {effect: self._by_level(effect, self._made_up) for effect in crossed}
        ones = np.ones(self.answers)
        self._counts = {effect: self._by_level(effect, ones) for effect in crossed}
        self._squares = {
            (effect, other): self._squared_counts(effect, other)
            for effect in crossed
            for other in nested
        }
        # the square of a 0/1 indicator is itself
        self._all = np.bincount(cluster, self._made_up, clusters)

    def estimates(self, weights: np.ndarray) -> np.ndarray:
        """Components [repetitions, effects + 1] with each cluster counted `weights` times.

        weights: [repetitions, clusters]. NaN where a repetition does not identify them.
        """
        import numpy as np

        lines = [
            self._nested_line(effect, weights)
            if QUESTION in effect
            else self._crossed_line(effect, weights)
            for effect in ((), *self.effects)
        ]
        n = (weights @ self._counts[()])[:, 0]
        lines.append((weights @ self._all, [n] * (len(self.effects) + 1)))
        # unknowns: the squared mean (its coefficient is n in every line), effects, residual
        right = np.stack([square for square, _ in lines], axis=1)
        left = np.stack([np.stack([n, *row], axis=1) for _, row in lines], axis=1)
        scale = np.maximum(n, 1)[:, None]
        left, right = left / scale[:, :, None], right / scale
        found = np.full((len(weights), len(self.effects) + 1), np.nan)
        sound = np.linalg.cond(left) < SINGULAR
        if sound.any():
            found[sound] = np.linalg.solve(left[sound], right[sound][..., None])[:, 1:, 0]
        return found

    def _nested_line(
        self, effect: Effect, weights: np.ndarray
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """T of an effect with the question in it, and the coefficients of its expectation."""
        sums = weights @ self._nested[effect]
        return sums[:, 0], [sums[:, 1 + i] for i in range(len(self.effects) + 1)]

    def _crossed_line(
        self, effect: Effect, weights: np.ndarray
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """T of an effect without the question, and the coefficients of its expectation."""
        import numpy as np

        n = weights @ self._counts[effect]
        share = np.where(n > 0, 1 / np.maximum(n, 1e-300), 0.0)
        row = []
        for other in self.effects:
            if QUESTION in other:
                squares = weights @ self._squares[effect, other]
            else:
                both = tuple(name for name in self._sizes if name in effect + other)
                owner = self._owner(effect, both)
                belongs = (owner[:, None] == np.arange(n.shape[1])).astype(float)
                squares = (weights @ self._counts[both]) ** 2 @ belongs
            row.append((squares * share).sum(1))
        row.append((n > 0).sum(1).astype(float))
        return ((weights @ self._totals[effect]) ** 2 * share).sum(1), row

    def _level(self, effect: Effect) -> np.ndarray:
        """The code of every answer's level of an effect [answers]."""
        import numpy as np

        codes = np.zeros(self.answers, dtype=np.int64)
        for name in effect:
            codes = codes * self._sizes[name] + self._codes[name]
        return codes

    def _size(self, effect: Effect) -> int:
        return math.prod(self._sizes[name] for name in effect)

    def _owner(self, effect: Effect, both: Effect) -> np.ndarray:
        """For every level of `both` the level of `effect` that it belongs to."""
        import numpy as np

        places = np.unravel_index(np.arange(self._size(both)), [self._sizes[k] for k in both] or 1)
        codes = np.zeros(self._size(both), dtype=np.int64)
        for name, place in zip(both, places, strict=False):
            if name in effect:
                codes = codes * self._sizes[name] + place
        return codes

    def _by_level(self, effect: Effect, values: np.ndarray) -> np.ndarray:
        """Sums of `values` [clusters, levels]."""
        import numpy as np

        size = self._size(effect)
        cell = self._cluster * size + self._level(effect)
        return np.bincount(cell, values, self._width * size).reshape(self._width, size)

    def _counted(self, effect: Effect, other: Effect) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Joint levels: the level of `effect`, the cluster and the answers of each."""
        import numpy as np

        level = self._level(effect) * self._size(other) + self._level(other)
        _, first, counts = np.unique(level, return_index=True, return_counts=True)
        return self._level(effect)[first], self._cluster[first], counts.astype(float)

    def _squared_counts(self, effect: Effect, other: Effect) -> np.ndarray:
        """Sums over the levels of `other` of squared joint counts [clusters, levels]."""
        import numpy as np

        owner, home, counts = self._counted(effect, other)
        size = self._size(effect)
        cell = home * size + owner
        return np.bincount(cell, counts**2, self._width * size).reshape(self._width, size)

    def _nested_sums(self, effect: Effect) -> np.ndarray:
        """T, the coefficients of the effects, and the number of levels [clusters, 2 + effects]."""
        import numpy as np

        _, first, level, n = np.unique(
            self._level(effect), return_index=True, return_inverse=True, return_counts=True
        )
        home = self._cluster[first]
        sums = [np.bincount(level, self._made_up) ** 2 / n]
        for other in self.effects:
            owner, _, counts = self._counted(effect, other)
            place = np.searchsorted(self._level(effect)[first], owner)
            sums.append(np.bincount(place, counts**2, len(n)) / n)
        sums.append(np.ones(len(n)))
        return np.stack([np.bincount(home, one, self._width) for one in sums], axis=1)

"""A generator of verdict tables whose truth is known, many tables at once.

Two sides (the first and the second model) answer the same questions. Every figure of the
truth is exact in the marginals, because each layer only decides which uniform number an
answer is compared with:

- a cluster has a chance of its own, Beta-distributed around the rate, so that two answers
  to different questions of one cluster correlate by `icc`;
- with probability `pair` a cluster, and again a question, draws the same uniform number on
  both sides, which correlates the pair;
- with probability `within` a sample takes its question's uniform number instead of one of
  its own, which correlates the samples of one question in one variant;
- variants add `effects` (with mean 0) to the rate, on both sides alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Design:
    """What a table looks like and what is true in it."""

    rates: tuple[float, float]  # of events, first and second side
    clusters: int
    size: int = 8  # questions of a cluster
    icc: float = 0.0
    pair: float = 0.5
    within: float = 0.5
    samples: int = 4
    effects: tuple[float, ...] = (0.0,)  # one for each variant, with mean 0
    sizes: tuple[int, ...] = ()  # questions of every cluster, where they differ

    @property
    def difference(self) -> float:
        """The true difference, second less first."""
        return self.rates[1] - self.rates[0]

    def with_second(self, rate: float) -> Design:
        """The same design with another true rate on the second side."""
        return replace(self, rates=(self.rates[0], rate))


def draw_counts(
    design: Design, repetitions: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Events among the samples of each question and variant, in many tables.

    Returns counts of the first and of the second side, int8 [repetitions, questions,
    variants], out of `design.samples`, and the cluster of each question, int [questions].
    """
    import numpy as np

    sizes = np.asarray(design.sizes or (design.size,) * design.clusters)
    cluster_Q = np.repeat(np.arange(len(sizes)), sizes)
    shape_C, shape_Q = (repetitions, len(sizes)), (repetitions, len(cluster_Q))
    u_C = _two_sides(shape_C, design.pair, rng)
    variants = len(design.effects)
    u_QV = _two_sides((*shape_Q, variants), design.pair, rng)
    counts = []
    for side, rate in enumerate(design.rates):
        count = np.zeros((*shape_Q, variants), dtype=np.int8)
        for v, effect in enumerate(design.effects):
            chance_C = _chances(u_C[side], rate + effect, design.icc)
            chance_Q = chance_C[:, cluster_Q]
            for _ in range(design.samples):
                own = rng.random(shape_Q, dtype=np.float32)
                shared = rng.random(shape_Q, dtype=np.float32) < design.within
                count[:, :, v] += np.where(shared, u_QV[side][:, :, v], own) < chance_Q
        counts.append(count)
    return counts[0], counts[1], cluster_Q


def _two_sides(
    shape: tuple[int, ...], shared: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Uniform numbers of both sides, the same ones with probability `shared`."""
    import numpy as np

    first = rng.random(shape)
    second = np.where(rng.random(shape) < shared, first, rng.random(shape))
    return first, second


def _chances(uniform: np.ndarray, rate: float, icc: float) -> np.ndarray:
    """Beta quantiles with mean `rate` and intra-cluster correlation `icc`."""
    import numpy as np
    from scipy.special import betaincinv

    if not 0 <= rate <= 1:
        raise ValueError(f"a rate of {rate} is none; choose smaller effects or differences")
    if icc == 0 or rate in (0, 1):
        return np.full(uniform.shape, rate)
    total = 1 / icc - 1
    return betaincinv(rate * total, (1 - rate) * total, uniform)


def per_cluster(counts: np.ndarray, cluster: np.ndarray, samples: int) -> np.ndarray:
    """Sums of the pairs' shares over each cluster, float [repetitions, clusters]."""
    import numpy as np

    shares = counts.sum(2, dtype=np.int64) / samples
    starts = np.flatnonzero(np.r_[True, np.diff(cluster) > 0])
    return np.add.reduceat(shares, starts, axis=1)


def pairs_per_cluster(design: Design) -> Sequence[int]:
    """How many pairs (question and variant) each cluster has."""
    sizes = design.sizes or (design.size,) * design.clusters
    return [size * len(design.effects) for size in sizes]

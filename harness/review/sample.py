"""A stratified sample of answers: by suite and by the grader's verdict, by probability.

The unit is a text given to a question; many answers may say just the same, and a person
reads it once. Within a stratum a text is drawn with a chance that grows with how many
answers say it (Pareto sampling, fixed in size; Rosen 1997), by a random number of its own,
so that a larger sample of the same seed keeps nearly all of a smaller one. A text's weight
is how many answers it stands for: its number of answers over its chance.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

from harness.core.records import Verdict
from harness.core.seeds import stream
from harness.report.reviews import Candidate, Drawn

Key = TypeVar("Key", bound=Hashable)


def draw(candidates: Sequence[Candidate], n: int, *, seed: int) -> list[Drawn]:
    """At most `n` texts, with weights, in the order of their ids.

    Suites share alike; of a suite, half goes to what the grader called hallucinated, the
    rest to its other verdicts as they are frequent; what one cannot fill goes to others.
    """
    strata: dict[tuple[str, Verdict], list[Candidate]] = {}
    for one in sorted(candidates, key=lambda one: one.id):
        strata.setdefault((one.suite, one.verdict), []).append(one)
    drawn = []
    for stratum, size in allocate(strata, n).items():
        drawn += _draw_stratum(strata[stratum], size, seed)
    return sorted(drawn, key=lambda one: one.id)


def allocate(
    strata: Mapping[tuple[str, Verdict], Sequence[Candidate]], n: int
) -> dict[tuple[str, Verdict], int]:
    """How many texts of each stratum (suite, verdict) are drawn."""
    room = {stratum: len(texts) for stratum, texts in strata.items()}
    suites = sorted({suite for suite, _ in strata})
    by_suite = _share_out(
        n,
        dict.fromkeys(suites, 1.0),
        {suite: sum(count for (of, _), count in room.items() if of == suite) for suite in suites},
    )
    found = {}
    for suite in suites:
        mine = {stratum: texts for stratum, texts in strata.items() if stratum[0] == suite}
        others = sum(_said(texts) for (_, verdict), texts in mine.items()
                     if verdict is not Verdict.HALLUCINATED)  # fmt: skip
        wants = {
            stratum: 1.0 if stratum[1] is Verdict.HALLUCINATED else _said(texts) / others
            for stratum, texts in sorted(mine.items())
        }
        found.update(_share_out(by_suite[suite], wants, {one: room[one] for one in mine}))
    return found


def _said(texts: Sequence[Candidate]) -> int:
    return sum(one.answers for one in texts)


def _share_out(n: int, wants: Mapping[Key, float], room: Mapping[Key, int]) -> dict[Key, int]:
    """Give `n` places out, one after another, to whoever is furthest below what it wants.

    First one place each, as far as they go; then by Sainte-Lague's divisors, within `room`.
    """
    given = dict.fromkeys(wants, 0)
    order = {key: place for place, key in enumerate(wants)}
    for _ in range(min(n, sum(room.values()))):
        open_ = [key for key in wants if given[key] < room[key]]
        best = max(
            open_,
            key=lambda key: (given[key] == 0, wants[key] / (2 * given[key] + 1), -order[key]),
        )
        given[best] += 1
    return given


def _draw_stratum(texts: Sequence[Candidate], size: int, seed: int) -> list[Drawn]:
    """`size` texts with chances as near in proportion to their answers as can be."""
    chance: dict[str, float] = {}
    left, places = list(texts), size
    while left and places:
        total = _said(left)
        sure = [one for one in left if one.answers * places >= total]
        if not sure:
            chance |= {one.id: one.answers * places / total for one in left}
            break
        chance |= {one.id: 1.0 for one in sure}
        left = [one for one in left if one.id not in chance]
        places -= len(sure)

    def rank(one: Candidate) -> tuple[float, str]:
        share = chance[one.id]
        if share >= 1:
            return -1.0, one.id
        own = stream(seed, "review", one.id).random()
        return own * (1 - share) / ((1 - own) * share), one.id

    chosen = sorted((one for one in texts if one.id in chance), key=rank)[:size]
    return [Drawn(**vars(one), weight=round(one.answers / chance[one.id], 6)) for one in chosen]

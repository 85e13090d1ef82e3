"""What is measured of a claim against a document as a whole; evidence/features.py has the rest.

A word that stands in every sentence of a document tells little, least of all the name of
whom the document is about. So words weigh by how rare they are in it, the subject's names are
left out, and a claim may rest on three sentences that follow each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import log, log1p
from typing import TYPE_CHECKING

from harness.grading.evidence.text import EvidenceToken, Sentence

if TYPE_CHECKING:
    import numpy

DOCUMENT_FEATURES = (
    "rare_contained",  # rarity of the claim's words, without the subject, that stand anywhere
    "rare_best",  # in the one sentence that has most of it
    "rare_window",  # in three sentences that follow each other
    "rare_nearest",  # mean by rarity of the likeness of the nearest word in context, anywhere
    "rare_nearest_window",  # in the window that fits best
    "rare_least_window",  # the least of them
    "names_window",  # share of names, without the subject, that are not in that window
    "numbers_window",
    "bigrams",  # share of content words next to each other that stand near each other somewhere
    "prefixes",  # contained, where the first five letters are enough
    "sentences",  # log of 1 + the number of sentences of the document
)
_PREFIX = 5
_NEAR = 3  # words between two that stand near each other
_SUBJECT_SHARE = 0.1  # of the sentences that name a subject, and at least three


def rarities(places: Mapping[str, Sequence[int]], size: int) -> dict[str, float]:
    """Rarity in a document of `size` sentences, 1 for what is not in it, less the more have it."""
    whole = log(size + 3)
    return {name: log((size + 3) / (len(at) + 1)) / whole for name, at in places.items()}


def subject_of(
    parts: Sequence[Sentence], keys: Sequence[Sequence[str]], places: Mapping[str, Sequence[int]]
) -> frozenset[str]:
    """The words of the name that most sentences have, with the names beside its first mention.

    keys: of every token of every sentence. Empty where no name stands in a tenth of them.
    """
    counts: dict[str, int] = {}
    for part, names in zip(parts, keys, strict=True):
        for token, name in zip(part.tokens, names, strict=True):
            if token.name:
                counts[name] = len(places.get(name, ()))
    if not counts:
        return frozenset()
    head = max(sorted(counts), key=lambda name: counts[name])
    if counts[head] < max(3, _SUBJECT_SHARE * len(parts)):
        return frozenset()
    for part, names in zip(parts, keys, strict=True):
        for place, token in enumerate(part.tokens):
            if token.name and names[place] == head:
                return frozenset({head, *_beside(part.tokens, names, place)})
    return frozenset({head})


def _beside(tokens: Sequence[EvidenceToken], names: Sequence[str], place: int) -> set[str]:
    found = set()
    for step in (-1, 1):
        at = place + step
        while 0 <= at < len(tokens) and tokens[at].name:
            found.add(names[at])
            at += step
    return found


def prefixes_of(places: Mapping[str, Sequence[int]]) -> frozenset[str]:
    """First letters of the document's words."""
    return frozenset(name[:_PREFIX] for name in places if len(name) >= _PREFIX)


def of_document(
    tokens: Sequence[EvidenceToken], names: Sequence[str], held: numpy.ndarray,
    nearest: numpy.ndarray,
    *, rarity: Mapping[str, float], subject: frozenset[str], prefixes: frozenset[str],
    near: Mapping[str, Sequence[tuple[int, int]]],
) -> tuple[float, ...]:  # fmt: skip
    """The features, in the order of DOCUMENT_FEATURES.

    tokens, names: the claim's content words and their keys. held: bool [C, S], nearest:
    float32 [C, S]: words by sentences. near: places of a key as (sentence, word).
    """
    import numpy

    rows = [row for row, name in enumerate(names) if name not in subject] or [*range(len(names))]
    weights = numpy.array([rarity.get(names[row], 1.0) * tokens[row].weight for row in rows])
    weights /= weights.sum()
    inside, alike = held[rows], nearest[rows]
    wide, wide_alike = _windows(inside), _windows(alike)
    shares = weights @ wide
    merit = shares + weights @ numpy.maximum(wide_alike, 0.0)
    best = int(merit.argmax())
    out = ~wide[:, best]
    return (
        float(weights @ inside.any(axis=1)),
        float((weights @ inside).max()),
        float(shares.max()),
        float(weights @ alike.max(axis=1)),
        float(weights @ wide_alike[:, best]),
        float(wide_alike[:, best].min()),
        _share_of(out, [tokens[row].name for row in rows]),
        _share_of(out, [tokens[row].number is not None for row in rows]),
        _bigrams(names, near),
        _by_prefix(
            weights, [names[row] for row in rows], numpy.asarray(inside.any(axis=1)), prefixes
        ),
        log1p(held.shape[1]),
    )


def _windows(table: numpy.ndarray) -> numpy.ndarray:
    """Per column the greatest of it and its two neighbours."""
    import numpy

    wide = table.copy()
    if table.shape[1] > 1:
        wide[:, 1:] = numpy.maximum(wide[:, 1:], table[:, :-1])
        wide[:, :-1] = numpy.maximum(wide[:, :-1], table[:, 1:])
    return wide


def _share_of(out: numpy.ndarray, kind: Sequence[bool]) -> float:
    count = sum(kind)
    return sum(bool(o) for o, k in zip(out, kind, strict=True) if k) / count if count else 0.0


def _bigrams(names: Sequence[str], near: Mapping[str, Sequence[tuple[int, int]]]) -> float:
    pairs = list(pairwise(names))
    if not pairs:
        return float(names[0] in near)
    steps = [step for step in range(-_NEAR, _NEAR + 1) if step]
    places = {name: set(near.get(name, ())) for name in set(names)}
    met = {}
    for pair in dict.fromkeys(pairs):
        few, many = sorted((places[one] for one in pair), key=len)
        met[pair] = any((sentence, word + step) in many for sentence, word in few for step in steps)
    return sum(met[pair] for pair in pairs) / len(pairs)


def _by_prefix(
    weights: numpy.ndarray, names: Sequence[str], inside: numpy.ndarray, prefixes: frozenset[str]
) -> float:
    met = [
        bool(here) or (len(name) >= _PREFIX and name[:_PREFIX] in prefixes and name[0] != "#")
        for name, here in zip(names, inside, strict=True)
    ]
    return float(sum(w for w, yes in zip(weights, met, strict=True) if yes))

"""What is measured of a claim against passages; evidence/model.py weighs it.

Every feature is a number between about -1 and 3 that says how far the claim's words, names,
numbers, polarity, order and meaning are met by the passages, and by the one sentence of them
that fits best.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from math import log1p
from typing import TYPE_CHECKING

from harness.grading.evidence.document import (
    DOCUMENT_FEATURES,
    of_document,
    prefixes_of,
    rarities,
    subject_of,
)
from harness.grading.evidence.text import EvidenceToken, Sentence, opposites, sentences

if TYPE_CHECKING:
    import numpy

    from harness.encoder.embedding import Encoder, WordVectors

FEATURES = (
    "contained",  # weight of the claim's content words that stand anywhere in the passages
    "contained_best",  # in the one sentence that has most of them
    "contained_pair",  # in two sentences that follow each other
    "missing",  # log of 1 + weight of content words that stand nowhere
    "names_missing",  # share of names that stand nowhere
    "names_missing_best",
    "numbers_missing",  # share of numbers that stand nowhere
    "numbers_missing_best",
    "meaning",  # cosine of the claim and the nearest sentence
    "meaning_best",  # cosine of the claim and the chosen sentence
    "nearest",  # mean over content words of the nearest word in context, anywhere
    "nearest_best",
    "nearest_least",  # the least of them
    "nearest_least_best",
    "nearest_missing",  # least over the words that stand nowhere
    "same_least",  # same word in claim and chosen sentence: least likeness of context
    "same_low",  # mean of the three least
    "same_mean",
    "same_names",  # least over names and numbers
    "negation",  # share of aligned words that are negated on one side only
    "negated",  # negations in the claim minus those in the chosen sentence, within -1 and 1
    "antonym",  # a word of the claim whose opposite stands in the chosen sentence
    "inversions",  # share of pairs of aligned words in the other order
    "neighbours",  # share of aligned neighbours that are neighbours there too
    "skipgrams",  # the same for ordered pairs within a window of four
    "chain",  # longest common subsequence over the claim's content words
    "covered",  # weight of the chosen sentence's content words that stand in the claim
    "length",  # log of 1 + the number of content words
    *DOCUMENT_FEATURES,
)
CANDIDATES = 3  # sentences looked at closely
STRAINED = 0.85  # likeness under which the same word plays another part
_WINDOW = 4


@dataclass(frozen=True)
class Index:
    """Passages made ready once: sentences, where each stem stands, vectors.

    meanings: float32 [S, D]. words: float32 [N, D] of all words; starts: int [S], the first
    word of each sentence among them; content: bool [N]. near: where each stem stands, by
    sentence and word; rarity, subject, prefixes: see evidence/document.py.
    """

    sentences: tuple[Sentence, ...]
    texts: tuple[str, ...]
    places: dict[str, tuple[int, ...]]
    keys: tuple[dict[str, list[int]], ...]
    meanings: numpy.ndarray
    words: numpy.ndarray
    starts: numpy.ndarray
    content: numpy.ndarray
    near: dict[str, list[tuple[int, int]]]
    rarity: dict[str, float]
    subject: frozenset[str]
    prefixes: frozenset[str]


def key(token: EvidenceToken) -> str:
    """What two words must share to be the same: the value of a number, or the stem."""
    return f"#{token.number:g}" if token.number is not None else token.stem


@lru_cache(maxsize=512)
def parsed(passages: tuple[str, ...]) -> tuple[tuple[Sentence, str], ...]:
    """Every sentence of the passages once, with its text."""
    found: dict[tuple[str, ...], tuple[Sentence, str]] = {}
    for passage in passages:
        for sentence in sentences(passage):
            found.setdefault(sentence.words, (sentence, passage[sentence.start : sentence.end]))
    return tuple(found.values())


def index(passages: Sequence[str], encoder: Encoder) -> Index | None:
    """Passages made ready; None where they hold no word."""
    import numpy

    found = parsed(tuple(passages))
    if not found:
        return None
    parts = tuple(sentence for sentence, _ in found)
    vectors = encoder.encode_words([part.words for part in parts])
    places: dict[str, list[int]] = {}
    near: dict[str, list[tuple[int, int]]] = {}
    keys: list[dict[str, list[int]]] = []
    for number, part in enumerate(parts):
        own: dict[str, list[int]] = {}
        for place, token in enumerate(part.tokens):
            if token.stem or token.number is not None:
                own.setdefault(key(token), []).append(place)
                near.setdefault(key(token), []).append((number, place))
        keys.append(own)
        for name in own:
            places.setdefault(name, []).append(number)
    sizes = [len(part.tokens) for part in parts]
    return Index(
        sentences=parts,
        texts=tuple(text for _, text in found),
        places={name: tuple(numbers) for name, numbers in places.items()},
        keys=tuple(keys),
        meanings=numpy.stack([vector.sentence for vector in vectors]),
        words=numpy.concatenate([vector.words for vector in vectors]).astype(numpy.float32),
        starts=numpy.cumsum([0, *sizes[:-1]]),
        content=numpy.array([token.content for part in parts for token in part.tokens]),
        near=near,
        rarity=rarities(places, len(parts)),
        subject=subject_of(parts, [[key(t) for t in part.tokens] for part in parts], places),
        prefixes=prefixes_of(places),
    )


@dataclass(frozen=True)
class ClaimReading:
    """The features of one claim, float32 [F], and what they rest on.

    best: number of the chosen sentence, the first of `candidates`. missing: places of the
    claim's content words that stand nowhere in the passages. loose: of those that do, but not
    in the chosen sentence.
    """

    values: numpy.ndarray
    best: int
    candidates: tuple[int, ...]
    missing: tuple[int, ...]
    loose: tuple[int, ...]
    antonym: int | None
    negated: tuple[int, ...]
    strained: tuple[int, ...]


@dataclass(frozen=True)
class _Fit:
    """A claim laid over passages, per content word [C] and sentence [S].

    names: keys of the content words. held: bool [C, S]. nearest: float32 [C, S], likeness of
    the nearest word in context. candidates: numbers of the best sentences, the chosen first.
    """

    content: list[int]
    names: list[str]
    weights: numpy.ndarray
    held: numpy.ndarray
    anywhere: numpy.ndarray
    nearest: numpy.ndarray
    meanings: numpy.ndarray
    candidates: numpy.ndarray

    @property
    def best(self) -> int:
        return int(self.candidates[0])


def measure(
    claim: Sentence, vectors: WordVectors, passages: Index, given: frozenset[str] = frozenset()
) -> ClaimReading | None:
    """Features of a claim against passages; None where the claim has no content word.

    given: stems of the question, which an answer may say again without evidence.
    """
    import numpy

    tokens = claim.tokens
    content = [place for place in claim.content if key(tokens[place]) not in given]
    content = content or list(claim.content)
    if not content:
        return None
    fit = _fit(claim, content, vectors, passages)
    pairs = _aligned(claim, passages, fit.best, vectors)
    other = passages.sentences[fit.best]
    negated = _negated(claim, other, pairs)
    antonym = _antonym(claim, passages.keys[fit.best])
    values = (
        *_presence(claim, fit),
        *_meaning(fit),
        *_sameness(claim, pairs),
        len(negated) / max(1, len(pairs)),
        max(-1, min(1, len(claim.negations) - len(other.negations))),
        float(antonym is not None),
        *_order(pairs, len(content)),
        _covered(other, fit.names),
        log1p(len(content)),
        *of_document(
            [tokens[place] for place in content], fit.names, fit.held, fit.nearest,
            rarity=passages.rarity, subject=passages.subject, prefixes=passages.prefixes,
            near=passages.near,
        ),
    )  # fmt: skip
    here = fit.held[:, fit.best]
    return ClaimReading(
        values=numpy.round(numpy.array(values, dtype=numpy.float32), 3),
        best=fit.best,
        candidates=tuple(fit.candidates.tolist()),
        missing=tuple(place for place, at in zip(content, fit.anywhere, strict=True) if not at),
        loose=tuple(
            place
            for place, at, near in zip(content, fit.anywhere, here, strict=True)
            if at and not near
        ),
        antonym=antonym,
        negated=negated,
        strained=tuple(place for place, _, likeness in pairs if likeness < STRAINED),
    )


def _fit(claim: Sentence, content: list[int], vectors: WordVectors, passages: Index) -> _Fit:
    import numpy

    names = [key(claim.tokens[place]) for place in content]
    weights = numpy.array([claim.tokens[place].weight for place in content], dtype=numpy.float32)
    held = numpy.zeros((len(content), len(passages.sentences)), dtype=bool)
    for row, name in enumerate(names):
        held[row, list(passages.places.get(name, ()))] = True
    near = vectors.words[content].astype(numpy.float32) @ passages.words.T
    near = numpy.where(passages.content, near, -1.0)
    nearest = numpy.maximum.reduceat(near, passages.starts, axis=1)
    meanings = passages.meanings @ vectors.sentence
    soft = weights @ held + weights @ numpy.maximum(nearest, 0.0)
    merit = soft / weights.sum() + meanings
    return _Fit(
        content=content,
        names=names,
        weights=weights / weights.sum(),
        held=held,
        anywhere=numpy.asarray(held.any(axis=1)),
        nearest=nearest,
        meanings=meanings,
        candidates=numpy.argsort(-merit, kind="stable")[:CANDIDATES],
    )


def _presence(claim: Sentence, fit: _Fit) -> tuple[float, ...]:
    """From `contained` to `numbers_missing_best`."""
    import numpy

    tokens = [claim.tokens[place] for place in fit.content]
    is_name = numpy.array([token.name for token in tokens])
    is_number = numpy.array([token.number is not None for token in tokens])
    raw = numpy.array([token.weight for token in tokens])
    shares = fit.weights @ fit.held
    pair = shares
    if fit.held.shape[1] > 1:
        pair = fit.weights @ (fit.held[:, 1:] | fit.held[:, :-1])
    here = fit.held[:, fit.best]
    return (
        float(fit.weights @ fit.anywhere),
        float(shares.max()),
        float(pair.max()),
        log1p(float(raw @ ~fit.anywhere)),
        _share(~fit.anywhere, is_name),
        _share(~here, is_name),
        _share(~fit.anywhere, is_number),
        _share(~here, is_number),
    )


def _meaning(fit: _Fit) -> tuple[float, ...]:
    """From `meaning` to `nearest_missing`."""
    nearest = fit.nearest.max(axis=1)
    nearest_best = fit.nearest[:, fit.candidates].max(axis=1)
    return (
        float(fit.meanings.max()),
        float(fit.meanings[fit.best]),
        float(fit.weights @ nearest),
        float(fit.weights @ nearest_best),
        float(nearest.min()),
        float(nearest_best.min()),
        float(nearest[~fit.anywhere].min()) if not fit.anywhere.all() else 1.0,
    )


def _sameness(claim: Sentence, pairs: list[tuple[int, int, float]]) -> tuple[float, ...]:
    """From `same_least` to `same_names`; fixed values where nothing is aligned."""
    same = sorted(likeness for _, _, likeness in pairs)
    if not same:
        return 0.6, 0.6, 0.6, 0.9
    special = [
        likeness
        for place, _, likeness in pairs
        if claim.tokens[place].name or claim.tokens[place].number is not None
    ]
    low = same[:3]
    return same[0], sum(low) / len(low), sum(same) / len(same), min(special, default=0.9)


def _share(missing: numpy.ndarray, kind: numpy.ndarray) -> float:
    count = int(kind.sum())
    return float((missing & kind).sum()) / count if count else 0.0


def _aligned(
    claim: Sentence, passages: Index, best: int, vectors: WordVectors
) -> list[tuple[int, int, float]]:
    """Content words of the claim that the chosen sentence has: place, place there, likeness."""
    own = passages.keys[best]
    start = int(passages.starts[best])
    found = []
    for place in claim.content:
        there = own.get(key(claim.tokens[place]))
        if there:
            rows = passages.words[[start + at for at in there]]
            likeness = rows @ vectors.words[place].astype(rows.dtype)
            which = int(likeness.argmax())
            found.append((place, there[which], float(likeness[which])))
    return found


def _order(pairs: list[tuple[int, int, float]], size: int) -> tuple[float, float, float, float]:
    """Inversions, neighbours, skipgrams and chain of an alignment, each between 0 and 1."""
    there = [at for _, at, _ in pairs]
    count = len(there)
    if count < 2:
        return 0.0, 1.0, 1.0, count / size
    inverted = sum(a > b for a, b in combinations(there, 2)) / (count * (count - 1) / 2)
    ranks = {at: number for number, at in enumerate(sorted(set(there)))}
    spots = [ranks[at] for at in there]
    neighbours = sum(b - a == 1 for a, b in pairwise(spots)) / (count - 1)
    close = [(a, b) for a, b in combinations(range(count), 2) if b - a <= _WINDOW]
    skipgrams = sum(0 < spots[b] - spots[a] <= _WINDOW for a, b in close) / len(close)
    return inverted, neighbours, skipgrams, _longest_rise(there) / size


def _longest_rise(values: list[int]) -> int:
    """Length of the longest strictly rising subsequence."""
    tails: list[int] = []
    for value in values:
        at = bisect_left(tails, value)
        tails[at : at + 1] = [value]
    return len(tails)


def _negated(
    claim: Sentence, other: Sentence, pairs: list[tuple[int, int, float]]
) -> tuple[int, ...]:
    if not claim.negations and not other.negations:
        return ()
    return tuple(place for place, at, _ in pairs if _under(claim, place) != _under(other, at))


def _under(sentence: Sentence, place: int) -> bool:
    """Whether a negation stands within three words before `place`."""
    return any(0 < place - at <= 3 for at in sentence.negations)


def _antonym(claim: Sentence, own: dict[str, list[int]]) -> int | None:
    """Place of a word whose opposite, and not itself, stands in the chosen sentence."""
    rivals_of = opposites()
    for place, token in enumerate(claim.tokens):
        rivals = rivals_of.get(token.stem)
        if rivals and token.stem not in own and any(rival in own for rival in rivals):
            return place
    return None


def _covered(other: Sentence, names: list[str]) -> float:
    known = set(names)
    total = sum(other.tokens[place].weight for place in other.content)
    have = sum(
        other.tokens[place].weight for place in other.content if key(other.tokens[place]) in known
    )
    return have / total if total else 0.0

"""The evidence grader: which parts of an answer do the passages not bear out?

For corpora without a world. An answer is cut into claims (its sentences), each claim is
measured against the passages and the sentence of them that fits best
(evidence/features.py), and weighed by a small fitted model (evidence/model.py). It asks no
language model; sentence vectors come from harness/encoder/embedding.py. What it can't see, and how
often it is right on answers of others, is in docs/evidence.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from harness.core.errors import GradingError
from harness.encoder.embedding import default_encoder
from harness.grading.evidence.features import (
    FEATURES,
    ClaimReading,
    Index,
    index,
    key,
    measure,
    parsed,
)
from harness.grading.evidence.model import EvidenceModel, probability, shipped_model
from harness.grading.evidence.nli import entailment_logits
from harness.grading.evidence.text import Sentence, read, sentences, stem
from harness.grading.refusal.refusals import find_refusal
from harness.grading.text.thinking import masked

if TYPE_CHECKING:
    import numpy

    from harness.encoder.embedding import Encoder, Entailment

MAX_CHARS = 20_000  # of an answer; the rest is not graded
MAX_TOKENS = 5_000  # the same in words and signs: prose of MAX_CHARS has some 4,400
MAX_SENTENCES = 400  # and in sentences: it has some 250
MAX_KEPT = 128  # passage sets kept ready
BATCH = 256
_WHOLE = "no sentence of the passages says this"

# Words by which an answer speaks about itself or its passages, not about the world.
_STOCK = frozenset(
    stem(word)
    for word in "based according passage passages provided given context information text texts "
    "document documents source sources answer answers question following follows summary "
    "summarize mentioned mentions states stated stating says described describes conclusion "
    "overall note example examples additionally furthermore also step steps list listed "
    "unfortunately important hope helps".split()
)


Found = tuple[Sentence, ClaimReading, Index]  # a claim, its features, what it was held against


class Evidence(NamedTuple):
    """One thing to grade: an answer, what it should rest on, and what was asked."""

    answer: str
    passages: Sequence[str]
    question: str | None = None


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of an answer that the passages do not bear out, by offsets, and why."""

    start: int
    end: int
    text: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ClaimScore:
    """One sentence of an answer: its chance of being unsupported, and the nearest evidence."""

    start: int
    end: int
    score: float
    evidence: str


@dataclass(frozen=True, kw_only=True)
class EvidenceGrade:
    """score: chance, between 0 and 1, that something in the answer is unsupported.

    hallucinated: the score reaches the model's threshold. unsupported: where, if so. An
    answer that claims nothing (it declines, or has no words) scores 0.
    """

    score: float
    hallucinated: bool
    unsupported: tuple[Span, ...]
    claims: tuple[ClaimScore, ...] = ()


class EvidenceGrader:
    """Grades answers against passages; keeps vectors of passages it has seen.

    encoder: any `Encoder` of harness.encoder; the shipped weights are fitted with its own.
    nli: an entailment model of the user's (`Entailment`), asked of each claim; its log-odds
    and those of the weights are averaged.
    """

    def __init__(
        self,
        encoder: Encoder | None = None,
        model: EvidenceModel | None = None,
        nli: Entailment | None = None,
    ) -> None:
        self._encoder = encoder or default_encoder()
        self._given_model = model
        self._nli = nli
        self._kept: dict[tuple[str, ...], Index | None] = {}

    @property
    def _model(self) -> EvidenceModel:
        return self._given_model or shipped_model()

    @property
    def version(self) -> str:
        """Name and version, for records: "evidence@2", with "+nli:NAME" where one is asked."""
        return self._model.version + (f"+nli:{self._nli.name}" if self._nli else "")

    def grade(
        self, answer: str, passages: Sequence[str], *, question: str | None = None
    ) -> EvidenceGrade:
        """Grade a whole answer, sentence by sentence."""
        return self.grade_many([Evidence(answer, passages, question)])[0]

    def grade_claim(self, claim: str, passages: Sequence[str]) -> EvidenceGrade:
        """Grade one statement as a whole."""
        return self.grade_claims([Evidence(claim, passages)])[0]

    def grade_many(self, items: Iterable[Evidence]) -> list[EvidenceGrade]:
        """Grade answers; each sentence is encoded once, in batches."""
        return self._grade([(item, claims_of(item.answer)) for item in items], whole=False)

    def grade_claims(self, items: Iterable[Evidence]) -> list[EvidenceGrade]:
        """Grade single statements, each as a whole."""
        return self._grade(
            [(item, read(item.answer[:MAX_CHARS])[:1]) for item in items], whole=True
        )

    def features(self, items: Sequence[Evidence]) -> list[tuple[numpy.ndarray, numpy.ndarray]]:
        """Per answer the features of its claims, float32 [C, F], and their log-odds, [C]."""
        import numpy

        found = []
        for start in range(0, len(items), BATCH):
            part = [(item, claims_of(item.answer)) for item in items[start : start + BATCH]]
            measured = self.measured(part)
            logits = self._logits([item for item, _ in part], measured)
            for readings, own in zip(measured, logits, strict=True):
                rows = numpy.zeros((len(readings), len(FEATURES)), dtype=numpy.float32)
                for number, (_, reading, _) in enumerate(readings):
                    rows[number] = reading.values
                found.append((rows, own))
        return found

    def measured(
        self, work: Sequence[tuple[Evidence, list[Sentence]]], *, stock: bool = True
    ) -> list[list[Found]]:
        """Features of the given claims of each answer, encoded together; needs no weights.

        stock: talk about the passages ("based on the text") needs no evidence.
        """
        self._encode(work)
        return [self._readings(item, claims, stock=stock) for item, claims in work]

    def _grade(
        self, work: list[tuple[Evidence, list[Sentence]]], *, whole: bool
    ) -> list[EvidenceGrade]:
        grades: list[EvidenceGrade] = []
        for start in range(0, len(work), BATCH):
            part = work[start : start + BATCH]
            measured = self.measured(part)
            logits = self._logits([item for item, _ in part], measured)
            grades += [
                self._one(item, found, own, whole=whole)
                for (item, _), found, own in zip(part, measured, logits, strict=True)
            ]
        return grades

    def _encode(self, part: Sequence[tuple[Evidence, list[Sentence]]]) -> None:
        """Vectors of everything new in a batch, in one go, so that short and long sort well."""
        words = [claim.words for _, claims in part for claim in claims]
        for passages in dict.fromkeys(_key(item.passages) for item, _ in part):
            if passages not in self._kept:
                words += [sentence.words for sentence, _ in parsed(passages)]
        self._encoder.encode_words(words)

    def _index(self, passages: Sequence[str]) -> Index | None:
        name = _key(passages)
        if name not in self._kept:
            if len(self._kept) >= MAX_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[name] = index(name, self._encoder)
        return self._kept[name]

    def _readings(
        self, item: Evidence, claims: list[Sentence], *, stock: bool = True
    ) -> list[Found]:
        passages = self._index(item.passages)
        if passages is None:
            raise GradingError(
                "evidence grader: the passages hold no words; give at least one passage of text"
            )
        given = _given(item.question) | (_STOCK if stock else frozenset())
        vectors = self._encoder.encode_words([claim.words for claim in claims])
        readings = [
            measure(claim, vector, passages, given)
            for claim, vector in zip(claims, vectors, strict=True)
        ]
        return [(c, r, passages) for c, r in zip(claims, readings, strict=True) if r is not None]

    def _logits(
        self, items: Sequence[Evidence], measured: Sequence[Sequence[Found]]
    ) -> list[numpy.ndarray]:
        """Log-odds that each claim of each answer is unsupported, float [C] an answer."""
        import numpy

        values = [reading.values for found in measured for _, reading, _ in found]
        if not values:
            return [numpy.zeros(0)] * len(measured)
        logits = self._model.claim_logits(numpy.stack(values))
        if self._nli is not None:
            answers = [item.answer for item in items]
            logits = (logits + entailment_logits(self._nli, answers, measured)) / 2
        return numpy.split(logits, numpy.cumsum([len(found) for found in measured])[:-1])

    def _one(
        self, item: Evidence, found: Sequence[Found], logits: numpy.ndarray, *, whole: bool
    ) -> EvidenceGrade:
        if not found:
            return EvidenceGrade(score=0.0, hallucinated=False, unsupported=())
        chances = [round(probability(float(logit)), 4) for logit in logits]
        if whole:
            score, threshold = chances[0], self._model.claim_threshold
        else:
            score = round(probability(self._model.answer_logit([float(v) for v in logits])), 4)
            threshold = self._model.answer_threshold
        spans: list[Span] = []
        if score >= threshold:
            least = min(max(chances), self._model.claim_threshold)
            for (claim, reading, _), chance in zip(found, chances, strict=True):
                if chance >= least:
                    spans += _spans(item.answer, claim, reading)
        return EvidenceGrade(
            score=score,
            hallucinated=score >= threshold,
            unsupported=tuple(spans),
            claims=tuple(
                ClaimScore(
                    start=claim.start,
                    end=claim.end,
                    score=chance,
                    evidence=passages.texts[reading.best],
                )
                for (claim, reading, passages), chance in zip(found, chances, strict=True)
            ),
        )


def _key(passages: Sequence[str]) -> tuple[str, ...]:
    if isinstance(passages, str):
        raise GradingError("evidence grader: passages must be a list of texts, not one text")
    return tuple(passages)


def _given(question: str | None) -> frozenset[str]:
    """What the words of the question count as: given, in need of no evidence."""
    parts = sentences(question or "")
    return frozenset(key(part.tokens[place]) for part in parts for place in part.content)


def claims_of(answer: str) -> list[Sentence]:
    """Sentences that assert something; those that only decline or speak of the text are none."""
    found = []
    room = MAX_TOKENS  # single letters and signs would cost the encoder ten times what prose does
    for claim in sentences(masked(answer, most=MAX_CHARS))[:MAX_SENTENCES]:
        room -= len(claim.tokens)
        if room < 0:
            break
        text = answer[claim.start : claim.end]
        if text.rstrip("\"')]").endswith("?"):
            continue
        refusal = find_refusal(text)
        if refusal.declines and not refusal.rest:
            continue
        if any(claim.tokens[place].stem not in _STOCK for place in claim.content):
            found.append(claim)
    return found


def _spans(answer: str, claim: Sentence, reading: ClaimReading) -> list[Span]:
    """The words that make a claim unsupported; the whole claim where no word does alone."""
    reasons = {}
    for place in reading.missing:
        token = claim.tokens[place]
        kind = "number" if token.number is not None else "name" if token.name else "word"
        reasons[place] = f"{kind} not in the passages"
    if reading.antonym is not None:
        reasons[reading.antonym] = "the passages say the opposite"
    for place in reading.negated:
        reasons.setdefault(place, "affirmed on one side and denied on the other")
    for place in reading.loose:
        token = claim.tokens[place]
        if token.name or token.number is not None:
            reasons.setdefault(place, "in the passages, but not said of this")
    if not reasons:
        for place in reading.strained:
            reasons[place] = "in another role than in the passages"
    spans = _runs(answer, claim, reasons)
    return spans or [
        Span(start=claim.start, end=claim.end, text=answer[claim.start : claim.end], reason=_WHOLE)
    ]


def _runs(answer: str, claim: Sentence, reasons: dict[int, str]) -> list[Span]:
    """Marked words with the same reason that stand together, or a word apart, as one span."""
    runs: list[tuple[int, int, str]] = []
    for place in sorted(reasons):
        if runs and place - runs[-1][1] <= 2 and runs[-1][2] == reasons[place]:
            runs[-1] = (runs[-1][0], place, reasons[place])
        else:
            runs.append((place, place, reasons[place]))
    return [
        Span(
            start=claim.tokens[first].start,
            end=claim.tokens[last].end,
            text=answer[claim.tokens[first].start : claim.tokens[last].end],
            reason=reason,
        )
        for first, last, reason in runs
    ]

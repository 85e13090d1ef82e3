"""Every public function that reads a model's words, as a call of one text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy

from harness.core.records import Question
from harness.encoder.embedding import WordVectors, default_encoder
from harness.grading.equivalence.grader import EquivalenceGrader
from harness.grading.equivalence.run_on import cut_run_on
from harness.grading.evidence.features import parsed
from harness.grading.evidence.grader import EvidenceGrader
from harness.grading.protocol import Context
from harness.grading.refusal.refusals import find_refusal
from harness.grading.text.prepare import prepare
from harness.grading.text.said import said
from harness.grading.text.unreadable import readable
from harness.grading.world.grader import WorldGrader
from harness.instruct.exposure import split_exposure
from harness.logs.graded import Logged, grade_log, summarise_log
from harness.report.answers import embed
from harness.report.clean import flatten, one_line, printable, spreadsheet_text
from harness.report.html import page_environment
from harness.report.markdown import escape
from harness.suites.build import build_questions
from harness.world.story import load_story

STORY = "visgar"
ASKED = "Who built the bridge of Lund?"
GOLD = "Ada Vell built it in 1840."
DIMENSIONS = 384
PASSAGES = (
    "Ada Vell built the bridge of Lund in 1840. It has three arches and is 120 metres long.",
    "The town of Lund lies by the sea. Its people are weavers and do not travel.",
)
LONG_PASSAGES = tuple(
    f"{passage} It is said of number {n}." for n in range(100) for passage in PASSAGES
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Something that reads a model's words, and its name."""

    name: str
    call: Callable[[str], object]


@cache
def _questions() -> dict[str, Question]:
    """The first question of every suite, and of `out_of_domain`."""
    world = load_story(STORY)
    exposure = split_exposure(world, trained_share=0.8, seed=0)
    found: dict[str, Question] = {}
    for question in build_questions(world, exposure, story=STORY):
        found.setdefault(question.suite, question)
    return found


@cache
def _world_grader(meaning: bool) -> WorldGrader:
    world = load_story(STORY)
    exposure = split_exposure(world, trained_share=0.8, seed=0)
    return WorldGrader(world, exposure, meaning="default" if meaning else None)


def _world(
    suite: str, *, truncated: bool = False, meaning: bool = False
) -> Callable[[str], object]:
    question, grader = _questions()[suite], _world_grader(meaning)

    def call(text: str) -> object:
        grader._grades.clear()
        return grader.grade(question, text, Context(truncated=truncated))

    return call


def _world_asked(text: str) -> object:
    """A question that is nasty itself."""
    grader = _world_grader(False)
    grader._frames.pop("nasty", None)
    asked = replace(_questions()["in_domain"], id="nasty", text=text)
    return grader.grade(asked, "Visgar was a weaver.")


class Blank:
    """An encoder that reads nothing: what is left is the grader's own time."""

    def encode_words(self, sentences: Sequence[tuple[str, ...]]) -> list[WordVectors]:
        """The same unit vector for every sentence and every word."""
        word = numpy.zeros(DIMENSIONS, dtype=numpy.float16)
        word[0] = 1
        return [
            WordVectors(word.astype(numpy.float32), numpy.tile(word, (len(words), 1)))
            for words in sentences
        ]

    def encode(self, sentences: Sequence[str]) -> numpy.ndarray:
        """The same unit vector for every text."""
        row = numpy.zeros((len(sentences), DIMENSIONS), dtype=numpy.float32)
        row[:, 0] = 1
        return row


@cache
def _evidence(encoder: bool) -> EvidenceGrader:
    return EvidenceGrader() if encoder else EvidenceGrader(Blank())  # type: ignore[arg-type]


@cache
def _same(encoder: bool = False) -> EquivalenceGrader:
    return EquivalenceGrader() if encoder else EquivalenceGrader(Blank())


def _fresh(call: Callable[[str], object]) -> Callable[[str], object]:
    """A call whose encoder has nothing kept from the call before."""

    def fresh(text: str) -> object:
        encoder = default_encoder()
        encoder._words, encoder._held_words = {}, 0
        encoder._vectors = {}
        return call(text)

    return fresh


def _held(
    call: Callable[[EvidenceGrader, str], object], *, encoder: bool = False
) -> Callable[[str], object]:
    """A call of the evidence grader."""
    grader = _evidence(encoder)

    def held(text: str) -> object:
        grader._kept.clear()
        parsed.cache_clear()
        return call(grader, text)

    return _fresh(held) if encoder else held


def _log(row: Logged) -> object:
    return summarise_log(grade_log([row], grader=_same()))


def _logged(question: str = ASKED, answer: str = GOLD, golds: Sequence[str] = (GOLD,)) -> Logged:
    return Logged(id="1", question=question, answer=answer, golds=tuple(golds), cluster="1")


def _html(text: str) -> object:
    return page_environment().from_string("{{ text }}").render(text=text)


_CALLS: dict[str, Callable[[], Callable[[str], object]]] = {
    **{
        f"world {suite}": (lambda suite=suite: _world(suite))
        for suite in ("in_domain", "relational", "open_ended", "invented", "false_premise",
                      "out_of_domain", "near_miss", "unstated")
    },
    "world open_ended, cut": lambda: _world("open_ended", truncated=True),
    "world in_domain, cut": lambda: _world("in_domain", truncated=True),
    "world question": lambda: _world_asked,
    "encoder: world in_domain": lambda: _fresh(_world("in_domain", meaning=True)),
    "encoder: world open_ended": lambda: _fresh(_world("open_ended", meaning=True)),
    "refusal": lambda: find_refusal,
    "refusal question": lambda: lambda text: find_refusal("I will not say how.", question=text),
    "evidence answer": lambda: _held(
        lambda grader, text: grader.grade(text, PASSAGES, question=ASKED)
    ),
    "evidence answer, long passages": lambda: _held(
        lambda grader, text: grader.grade(text, LONG_PASSAGES)
    ),
    "evidence passage": lambda: _held(lambda grader, text: grader.grade(GOLD, [text, GOLD])),
    "evidence both": lambda: _held(lambda grader, text: grader.grade(text, [text, GOLD])),
    "evidence claim": lambda: _held(lambda grader, text: grader.grade_claim(text, PASSAGES)),
    "evidence question": lambda: _held(
        lambda grader, text: grader.grade(GOLD, PASSAGES, question=text)
    ),
    "encoder: evidence both": lambda: _held(
        lambda grader, text: grader.grade(text, [text, GOLD]), encoder=True
    ),
    "equivalence answer": lambda: lambda text: _same().right(ASKED, [GOLD], text),
    "equivalence gold": lambda: lambda text: _same().right(ASKED, [text, GOLD], GOLD),
    "equivalence question": lambda: lambda text: _same().right(text, [GOLD], "In 1841."),
    "encoder: equivalence answer": lambda: _fresh(
        lambda text: _same(True).right(ASKED, [GOLD], text)
    ),
    "equivalence same": lambda: lambda text: _same().same(text, text + " no", question=ASKED),
    "logs answer": lambda: lambda text: _log(_logged(answer=text)),
    "logs answer, no gold": lambda: lambda text: _log(_logged(answer=text, golds=())),
    "logs question": lambda: lambda text: _log(_logged(question=text or "a")),
    "run on": lambda: lambda text: cut_run_on(ASKED, text),
    "prepare": lambda: lambda text: (prepare(text), prepare(text, truncated=True)),
    "thinking and dress": lambda: said.__wrapped__,
    "readable": lambda: readable,
    "report printable": lambda: printable,
    "report one line": lambda: lambda text: one_line(text, width=100),
    "report flatten": lambda: lambda text: flatten({"a": text, text: [text]}),
    "report spreadsheet": lambda: spreadsheet_text,
    "report markdown": lambda: escape,
    "report embed": lambda: lambda text: embed({"texts": [text]}),
    "report html": lambda: _html,
}  # fmt: skip
PLACES = tuple(_CALLS)


def places(names: Sequence[str]) -> list[Place]:
    """The places of these names, their graders loaded."""
    return [Place(name=name, call=_CALLS[name]()) for name in names]

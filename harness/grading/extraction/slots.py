"""Who fills the slots of a match: a name, a pronoun, or the subject named before."""

from __future__ import annotations

from collections.abc import Sequence

from harness.grading.extraction.patterns import Match
from harness.grading.extraction.reading import (
    PRONOUN_KINDS,
    Candidate,
    Memory,
    SentenceReading,
    fits,
    leads,
)
from harness.grading.linking.frame import Frame, Term
from harness.grading.linking.lexicon import Lexicon
from harness.grading.linking.linker import INVENTED, UNKNOWN
from harness.grading.text.numbers import read_number
from harness.grading.text.words import PRONOUNS
from harness.world.graph import World


class SlotFiller:
    """Resolves slots to terms of one world."""

    def __init__(self, world: World, lexicon: Lexicon) -> None:
        self._world = world
        self._lexicon = lexicon

    def slot(
        self,
        reading: SentenceReading,
        span: tuple[int, int] | None,
        kind: str,
        frame: Frame,
        memory: Memory,
    ) -> Term | None:
        """The term in a slot of a match; a name that nobody knows where it is a strange word."""
        if span is None:
            return None
        words = reading.plain.words[span[0] : span[1]]
        if words and words[0] in PRONOUNS and len(words) == 1:
            return self.pronoun(words[0], kind, frame, memory)
        inside = [reading.terms[i] for i in range(*span) if i in reading.terms]
        if len(inside) == 1 and len(words) <= 3:
            return inside[0]
        if inside:
            return None
        text = " ".join(w for w in words if w not in ("the", "a"))
        if not text or len(text) < 3 or all(self._lexicon.is_word(w) for w in text.split()):
            return None
        return Term(UNKNOWN, (), text)

    def pronoun(self, word: str, kind: str, frame: Frame, memory: Memory) -> Term | None:
        """The last subject of a kind, else the one the question is about, else the last named."""
        if kind not in PRONOUN_KINDS[word]:
            return None
        given = frame.given
        fits_given = given is not None and (given.kind == kind or given.kind == INVENTED)
        found = memory.subjects.get(kind) or (given if fits_given else None)
        return found or memory.mentions.get(kind)

    def before(
        self, reading: SentenceReading, match: Match, kind: str, frame: Frame, memory: Memory,
        chosen: list[Candidate],
    ) -> Term | None:  # fmt: skip
        """The term that a verb phrase without a subject belongs to."""
        words, start = reading.plain.words, match.start
        place = start - 1
        if place >= 0 and words[place] in ("who", "which", "that"):
            place -= 1 + (place > 0 and words[place - 1] == ",")
            if place in reading.terms:
                return reading.terms[place]
        earlier = [c for c in chosen if c.match.start < start]
        for candidate in sorted(earlier, key=lambda c: -c.match.start):
            lead = candidate.subject if leads(candidate, "s") else candidate.object
            if fits(lead, kind):
                return lead
        before = [reading.terms[i] for i in sorted(reading.terms) if i < start]
        if before:
            return next((term for term in before if fits(term, kind)), None)
        if start > 0:
            return None
        given = frame.given
        if given is not None and (given.kind == kind or given.kind == INVENTED):
            return memory.subjects.get(kind) or given
        return memory.subjects.get(kind)

    @staticmethod
    def number(words: Sequence[str], match: Match) -> Term | None:
        """The number in a match."""
        if match.n is None:
            return None
        text = " ".join(words[match.n[0] : match.n[1]])
        value = read_number(text)
        return None if value is None else Term("number", (str(value),), str(value))

    def rival(self, frame: Frame, subject: Term | None) -> Term | None:
        """The other one of the two that a question compares."""
        if subject is None or len(subject.ids) != 1:
            return None
        if frame.asks != "pair":
            return None
        others = [rival for rival in frame.rivals if rival != subject.ids[0]]
        if subject.ids[0] in frame.rivals and len(others) == 1:
            name = self._world.label(others[0])
            return Term(self._world.entity[others[0]].kind, (others[0],), name)
        return None

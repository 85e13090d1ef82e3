"""What of a sentence no reading covers: strange names, and sayings about known ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.grading.extraction.reading import ABSENT_KINDS, QUIET, SentenceReading
from harness.grading.linking.frame import Frame, Term
from harness.grading.verification.lookup import Found

MANY = 3  # words beside a reading that are a saying of their own
SOME = 2  # words that are one where nothing was read


def left_over(
    reading: SentenceReading, spoken: Mapping[int, Term], frame: Frame, read: Sequence[Found]
) -> list[Found]:
    """Claims that nothing decides, or about an unknown name.

    spoken: the terms of the sentence, pronouns included.
    """
    denied = set(reading.plain.negations) if read else set()  # "Hardun, not Igodo"
    denied |= {n + 1 for n in denied if reading.plain.words[n : n + 1] and _light(reading, n)}
    left = [
        reading.terms[i]
        for i in sorted(reading.terms)
        if i not in reading.covered and i not in denied
    ]
    absent = [term for term in left if term.kind in ABSENT_KINDS]
    if absent:
        return [Found(reading.text, None, term, None, basis="none") for term in absent[:4]]
    nothing = Found(reading.text, None, None, None, basis="none")
    said = {term.ids for found in read for term in (found.subject, found.object) if term}
    known = [term for term in left if term.ids and term.ids not in said]
    if known:
        return [Found(reading.text, None, known[0], None, basis="none")]
    if read:
        return [nothing] if len(_loose_words(reading)) >= MANY else []
    extra = [spoken[i] for i in sorted(spoken) if i not in reading.terms]
    if extra:
        return [Found(reading.text, None, extra[0], None, basis="none")]
    return [nothing] if len(_loose_words(reading)) >= SOME else []


def _light(reading: SentenceReading, place: int) -> bool:
    """A word that may stand between "not" and a name: "taught by Oswenna, not by Igodo"."""
    return reading.plain.words[place] in ("by", "with", "in", "from", "to", "of", "for", "the")


def _loose_words(reading: SentenceReading) -> list[str]:
    words = reading.plain.words
    return [
        word
        for place, word in enumerate(words)
        if place not in reading.covered and word[0].isalpha() and word not in QUIET
    ]


def given(found: Found, *, subject: Term | None = None, object: Term | None = None) -> Found:
    """The claim of another subject or object."""
    return Found(
        found.text,
        found.relation,
        subject or found.subject,
        object or found.object,
        found.negated,
        found.basis,
        found.form,
    )

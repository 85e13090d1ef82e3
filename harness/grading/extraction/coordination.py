"""Which claims of a sentence stand, beside the one that a template gives: of lists, of parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.grading.coreference.discourse import Discourse
from harness.grading.extraction.patterns import PatternBook
from harness.grading.extraction.reading import Candidate, SentenceReading, chain, fits
from harness.grading.extraction.unparsed import given
from harness.grading.linking.frame import Term
from harness.grading.verification.lookup import Found
from harness.grading.verification.values import ValueReader
from harness.world.graph import World


def impossible(
    reading: SentenceReading, world: World, book: PatternBook, values: ValueReader
) -> list[Found]:
    """A template filled with those of whom it cannot be said: "Igodo was made by Elorna."

    Only where it is the whole sentence and no other reading fits; no such thing is true.
    """
    if reading.plain.negations or reading.denied:
        return []
    for match in book.find(reading.skeleton):
        relation = world.relation[match.pattern.relation]
        whole = match.start == 0 and match.end == len(reading.plain.words)
        if not whole or not match.pattern.cued or match.pattern.kind != "full" or not match.s:
            continue
        subject, object = reading.terms.get(match.s[0]), None
        if relation.range in ("value", "number") and match.o:
            read = values.read(relation, reading.plain.words[match.o[0] : match.o[1]])
            object = read[0] if read and read[0].kind != "open" else None
        elif match.o:
            object = reading.terms.get(match.o[0])
        if subject and object and len(subject.ids) == len(object.ids) == 1:
            reading.covered.update(range(match.start, match.end))
            return [Found(reading.text, relation.id, subject, object)]
    return []


def contrasted(reading: SentenceReading, found: Sequence[Found], world: World) -> list[Found]:
    """What ", not by Tamsel" denies wrongly: a told fact, of the relation said before it."""
    denied: list[Found] = []
    for place in reading.plain.negations:
        at = next((p for p in (place, place + 1) if p in reading.terms), None)
        if at is None or at in reading.covered or reading.plain.words[place - 1 : place] != (",",):
            continue
        term = reading.terms[at]
        for one in found:
            if one.relation is None or one.subject is None or one.object is None or one.negated:
                continue
            if len(term.ids) != 1 or one.form != "fact" or one.subject.kind == one.object.kind:
                continue
            turned = one
            if term.kind == one.object.kind:
                turned = replace(one, object=term, negated=True)
            elif term.kind == one.subject.kind:
                turned = replace(one, subject=term, negated=True)
            if turned is not one and _is_told(turned, world):
                denied.append(turned)
    return denied


def _is_told(found: Found, world: World) -> bool:
    """Whether the world says what a claim says, its negation apart."""
    subject, object = found.subject, found.object
    if found.relation is None or subject is None or object is None or not subject.ids:
        return False
    return any(f.object in object.ids for f in world.objects(subject.ids[0], found.relation))


def refitted(found: Found, discourse: Discourse, world: World) -> Found:
    """A claim of whom it cannot be, for whom a pronoun stood: of the last one that it can be.

    "The Circle meets in Lund. It lies near Turin."
    """
    subject, object = found.subject, found.object
    if found.relation is None or subject is None or object is None or found.form != "fact":
        return found
    domain = world.relation[found.relation].domain
    if subject.ids and subject.kind != domain and subject.text not in found.text:
        other = discourse.last(domain)
        if other is None:
            return replace(found, firm=False)
        return replace(found, subject=Term(other.kind, other.ids, other.text))
    return found


def listed_more(
    reading: SentenceReading, candidate: Candidate, first: Found, world: World, values: ValueReader
) -> list[Found]:
    """One claim for each of "A, B and C" after the last slot or before the first."""
    words, match = reading.plain.words, candidate.match
    if candidate.form != "fact" or match.pattern.missing == "o":
        return []
    more: list[Found] = []
    relation = world.relation[match.pattern.relation]
    if relation.range in ("value", "number") and match.o and match.o[1] >= match.end:
        place = candidate.end
        while place < len(words) - 1 and words[place] in ("and", "or", ","):
            read = values.read(relation, words[place + 1 :])
            if read is None or read[0].kind == "open":
                break
            more.append(given(first, object=read[0]))
            reading.covered.update(range(place, place + 1 + read[1]))
            place += 1 + read[1]
    for span, kind, slot in ((match.s, relation.domain, "s"), (match.o, relation.range, "o")):
        if span is None or kind in ("value", "number"):
            continue
        places: list[int] = []
        if span[1] == match.end:
            places = chain(words, candidate.end, 1)
        elif span[0] == match.start:
            places = chain(words, match.start - 1, -1)
        for place in places:
            term = reading.terms.get(place)
            if term is None or not fits(term, kind):
                break
            if place in reading.covered or place in reading.plain.negations:
                break
            reading.covered.add(place)
            more.append(given(first, **{"subject" if slot == "s" else "object": term}))
    return more


def better(
    whole: list[Found], parts: list[Found], *, resolved: bool, free: bool, whole_stands: bool
) -> list[Found]:
    """The reading that decides more; where both decide as much, the one that leaves less open.

    resolved: the clauses have names for pronouns, which the whole guessed at as it could; free:
    the question asks for no one thing, so that the answer is prose; whole_stands: templates cover
    the whole, so that parts have to decide more.
    """
    if whole_stands:
        return parts if _decided(parts) > _decided(whole) else whole
    if resolved:
        return parts if _decided(parts) or not _decided(whole) else whole
    gain = _decided(parts) - _decided(whole)
    left = len(parts) - _decided(parts), len(whole) - _decided(whole)
    even = gain == 0 and left[0] <= left[1] and (free or left[1] > 0)
    return parts if gain > 0 or even else whole


def _decided(found: Sequence[Found]) -> int:
    return sum(one.relation is not None and one.firm for one in found)

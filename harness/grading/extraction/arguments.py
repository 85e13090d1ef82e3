"""Who is subject and who is object of a relation that a piece of a sentence names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from harness.core.records import Relation
from harness.grading.linking.frame import Term
from harness.grading.linking.linker import INVENTED, UNKNOWN
from harness.grading.linking.synonyms import (
    BACKWARD,
    FORWARD,
    OBJECT_ROLE,
    SUBJECT_ROLE,
    traits,
)
from harness.grading.text.words import Plain

OF_ANY_KIND = frozenset([UNKNOWN, INVENTED, "cut", "any"])
_OF = frozenset(["of", "to", "for"])
_HAVING = frozenset(
    "had called named name knew known regarded considered took saw as with spoke find found chose "
    "chosen call calls have gained needed wanted counted viewed deemed thought held made treated "
    "reckoned seen saw acknowledged accepted claimed recognised recognized remembered".split()
)
_HAD = (("had",), ("called",), ("knew",))
_CALLED = frozenset(["called", "named", "was", ":", ","])
_LINKS = frozenset("with to of under from beside over for on by in than towards toward after "
                   "before near".split())  # fmt: skip
_REACH = 5  # words between a noun and the name that it belongs to


@dataclass(frozen=True, slots=True)
class Unit:
    """One name, or several joined by "and", at places of a sentence."""

    places: tuple[int, ...]
    terms: tuple[Term, ...]

    def fits(self, kind: str) -> bool:
        """Whether all of it can be of a kind; unknown names can be of any but a value."""
        if len(self.terms) == 1:
            mine = self.terms[0].kind
            return mine == kind or mine in OF_ANY_KIND
        return all(term.kind == kind or term.kind in OF_ANY_KIND for term in self.terms)


@dataclass(frozen=True, slots=True)
class Ends:
    """Subjects and objects of a claim. `either_way`: which is which stays open."""

    subjects: tuple[Term, ...]
    objects: tuple[Term, ...]
    places: frozenset[int]
    firm: bool = True
    either_way: bool = False
    open: bool = False


class Span(Protocol):
    """A piece of a sentence (extraction/segments.py)."""

    @property
    def start(self) -> int:
        """Its first word."""

    @property
    def end(self) -> int:
        """The word behind its last."""

    @property
    def units(self) -> tuple[Unit, ...]:
        """The names in it."""

    @property
    def all_units(self) -> tuple[Unit, ...]:
        """The names in it, and the one it is about."""

    def nearest(self, place: int, kind: str) -> Unit | None:
        """The name of a kind that is nearest to a place."""


def foe_of(words: Sequence[str], relation: str) -> bool:
    """Whether words say of two that one is "an enemy of" the other, which may be either."""
    if "of_either" not in traits(relation):
        return False
    return any(words[at] == "a" and words[at + 2] == "of" for at in range(len(words) - 2))


def ends_of(
    plain: Plain, piece: Span, relation: Relation, part: str, cue: tuple[int, int]
) -> Ends | None:
    """The ends of a relation between entities, for a cue at words [cue[0], cue[1])."""
    if relation.domain != relation.range:
        return _by_kind(plain.words, piece, relation, cue)
    ends = _between(plain, piece, relation, part, cue)
    mutual = ends is not None and "mutual" in traits(relation.id)
    return replace(ends, either_way=True) if ends is not None and mutual else ends


def _between(
    plain: Plain, piece: Span, relation: Relation, part: str, cue: tuple[int, int]
) -> Ends | None:
    """The ends of a relation between two of one kind."""
    units = [unit for unit in piece.all_units if unit.fits(relation.domain)]
    if len(units) == 1 and len(units[0].terms) == 2:
        pair = units[0]  # "Torvash and Ossery tied the knot"
        return Ends(pair.terms[:1], pair.terms[1:], frozenset(pair.places), True, True)
    if len(units) < 2:
        return None
    if part in (OBJECT_ROLE, SUBJECT_ROLE):
        ends = _by_role(plain.words, piece, units, part, cue)
        loose = (
            "of_either" in traits(relation.id)
            and ends is not None
            and "of" in plain.words[cue[0] : cue[1] + 1]
        )
        return replace(ends, either_way=True) if ends is not None and loose else ends
    if part in (FORWARD, BACKWARD):
        return _by_verb(plain.words, piece, units, part, cue)
    return _ends(units[0], units[1], either_way=True) if len(units) == 2 else None


def _ends(subject: Unit, object: Unit, *, either_way: bool = False) -> Ends:
    places = frozenset((*subject.places, *object.places))
    return Ends(subject.terms, object.terms, places, either_way=either_way)


def _by_kind(
    words: Sequence[str], piece: Span, relation: Relation, cue: tuple[int, int]
) -> Ends | None:
    subjects = [u for u in piece.all_units if u.fits(relation.domain)]
    objects = [u for u in piece.all_units if u.fits(relation.range)]
    known = [u for u in subjects if u not in objects], [u for u in objects if u not in subjects]
    if known[0] and known[1]:
        subjects, objects = known
    subject = _nearest(subjects, cue[0])
    agents = [u for u in objects if u.places[0] > 0 and words[u.places[0] - 1] == "by"]
    if "by" in traits(relation.id) and len(agents) == 1 and agents[0] is not subject:
        objects = agents  # "built for Igodo by Dravick"
    object = _nearest([u for u in objects if u is not subject], cue[0])
    if subject is None or object is None:
        return None
    return _ends(subject, object)


def _nearest(units: Sequence[Unit], place: int) -> Unit | None:
    if not units:
        return None
    return min(units, key=lambda unit: abs(unit.places[0] - place))


def _by_role(
    words: Sequence[str], piece: Span, units: Sequence[Unit], part: str, cue: tuple[int, int]
) -> Ends | None:
    """A noun for a person ("the tutor of ..."): whose it is, and who that is."""
    owner, holder = _owner(words, piece, units, cue), None
    either = False
    if owner is None:
        holder = _titled(words, units, cue)
        if holder is None:
            verbs = [p for p in range(piece.start, piece.end) if words[p] in _HAVING]
            inside = {id(unit) for unit in piece.units}
            before = [
                unit for unit in units if id(unit) in inside and verbs and unit.places[0] < verbs[0]
            ]
            owner = before[-1] if before else units[0]
            either = not verbs
    if holder is None:
        holder = _other(units, owner, cue[0])
    elif owner is None:
        owner = _other(units, holder, cue[0])
    if owner is None or holder is None:
        return None
    subject, object = (owner, holder) if part == OBJECT_ROLE else (holder, owner)
    return _ends(subject, object, either_way=either)


def _owner(
    words: Sequence[str], piece: Span, units: Sequence[Unit], cue: tuple[int, int]
) -> Unit | None:
    """Whose: "Torvash's dear tutor", "the tutor of the famous Torvash"."""
    for at in range(cue[0] - 1, max(piece.start - 1, cue[0] - 5), -1):
        if words[at] == "'s":
            return next((unit for unit in units if at - 1 in unit.places), None)
        if any(at in unit.places for unit in units):
            break
    if (cue[1] < piece.end and words[cue[1]] in _OF) or words[cue[1] - 1] in _OF:
        start = cue[1]
        for at in range(start, min(piece.end, start + 1 + _REACH)):
            for unit in units:
                if at == unit.places[0]:
                    return unit
    return None


def _titled(words: Sequence[str], units: Sequence[Unit], cue: tuple[int, int]) -> Unit | None:
    """Who: "the tutor Oswenna", "a father named Hardun"; not "the tutor Visgar had"."""
    place = cue[1]
    fronted = words[max(0, cue[0] - 2) : cue[0]]
    if fronted[:1] in (("as",), ("for",)) and words[place : place + 1] == (",",):
        return None  # "As a teacher, Torvash had Oswenna"
    if (
        any(unit.places[-1] == place for unit in units)
        and tuple(words[place + 1 : place + 2]) in _HAD
    ):
        return None
    while place < len(words) and words[place] in _CALLED and place < cue[1] + 2:
        place += 1
    return next((unit for unit in units if unit.places[0] == place), None)


def _other(units: Sequence[Unit], known: Unit | None, place: int) -> Unit | None:
    rest = [unit for unit in units if unit is not known]
    return _nearest(rest, place)


def _by_verb(
    words: Sequence[str], piece: Span, units: Sequence[Unit], part: str, cue: tuple[int, int]
) -> Ends | None:
    """A verb phrase: who does it, and to whom; passive turns the two."""
    start, end = cue
    inside = {id(unit) for unit in piece.units}
    before = [u for u in units if u.places[-1] < start or id(u) not in inside]
    after = [u for u in units if u.places[0] >= end and id(u) in inside]
    agent = patient = None
    either = False
    phrase = (end - start > 1 and words[end - 1] in _LINKS) or words[start] in _LINKS
    passive = not phrase and _is_passive(words, piece, start)
    by = _behind_by(words, after if passive else after[:1], end)
    if by is not None and not phrase:
        agent, patient = by, before[-1] if before else _other(units, by, start)
    elif passive:
        patient = before[-1] if before else (after[0] if after else None)
        agent = _other(units, patient, start)
    elif before and after:
        agent, patient = before[-1], after[0]
    elif len(before) >= 2:
        agent, patient = before[-1], before[-2]
    elif len(after) >= 2:
        patient, agent = after[0], after[1]
        either = words[start - 1] not in ("who", "which", "that") and start > piece.start
    if agent is None or patient is None or agent is patient:
        return None
    subject, object = (agent, patient) if part == FORWARD else (patient, agent)
    return _ends(subject, object, either_way=either)


def _behind_by(words: Sequence[str], after: Sequence[Unit], end: int) -> Unit | None:
    for unit in after:
        place = unit.places[0]
        for at in range(place - 1, max(end - 2, place - 4), -1):
            if words[at] == "by":
                return unit
    return None


def _is_passive(words: Sequence[str], piece: Span, start: int) -> bool:
    """Whether a form of "be" stands right before the verb, an adverb between them at most."""
    for at in range(start - 1, max(piece.start - 1, start - 3), -1):
        if words[at] == "was":
            return not words[start].endswith("ing")
    return False

"""Sentences cut at their joints, each piece with those whom it is about.

"Visgar was taught by Oswenna and dwelt in Lund, where she kept a lamp" has three pieces;
one that opens without a subject of its own takes that of the piece before, and one behind
"who" or "which" the name right before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from harness.grading.extraction.arguments import Unit
from harness.grading.linking.frame import Term
from harness.grading.text.numbers import NUMBER_WORDS

_CHAIN = (",", "and", "or")
_BREAKS = frozenset([";", "but", "while", "whereas", "although", "though", "because"])
_RELATIVE = frozenset(["who", "which", "where"])


@dataclass(frozen=True)
class Piece:
    """Words [start, end) of a sentence. `lead`: whom it is about where it does not say."""

    start: int
    end: int
    units: tuple[Unit, ...]
    lead: Unit | None = None
    relative: bool = False  # it opens with "who", "which" or "where"

    @cached_property
    def all_units(self) -> tuple[Unit, ...]:
        """The units of the piece, its lead first where that is another."""
        if self.lead is None or any(unit.terms == self.lead.terms for unit in self.units):
            return self.units
        return (self.lead, *self.units)

    @cached_property
    def places(self) -> frozenset[int]:
        """All places of units inside the piece."""
        return frozenset(place for unit in self.units for place in unit.places)

    def negates(self, place: int) -> bool:
        """Whether a negation taken out before the word at `place` belongs to the piece."""
        return (self.start < place or self.start == 0) and place <= self.end

    def nearest(self, place: int, kind: str) -> Unit | None:
        """The unit of a kind that is nearest to a place, those before it first."""
        fitting = [unit for unit in self.units if unit.fits(kind)]
        if not fitting:
            return self.lead if self.lead is not None and self.lead.fits(kind) else None
        return min(fitting, key=lambda unit: (unit.places[0] > place, abs(unit.places[0] - place)))


def pieces_of(
    words: Sequence[str], terms: Mapping[int, Term], names: Sequence[bool]
) -> list[Piece]:
    """Pieces in order. `names`: for each word whether it names a relation."""
    units = _units(words, terms)
    inside = {place for unit in units for place in range(unit.places[0], unit.places[-1] + 1)}
    cuts = [0]
    for place, word in enumerate(words):
        if place == 0 or place in inside:
            continue
        if word in _BREAKS:
            cuts.append(place)
        elif word in _RELATIVE:
            if any(unit.places[-1] < place for unit in units):
                cuts.append(place)
        elif word in ("and", ",", "then", ":") and place > cuts[-1]:
            if words[place - 1].split("-")[0] in NUMBER_WORDS:
                continue  # "three hundred and forty"
            if word == "," and words[place + 1 : place + 2] in (("as",), ("being",)):
                continue  # "in the Order, as a member"
            rest = range(place + 1, _next_joint(words, place + 1, inside))
            before = range(cuts[-1], place)
            ends = sum(p in terms for p in before) + (words[cuts[-1]] in _RELATIVE)
            told = any(names[p] for p in before) and ends > (word in ",:")
            if told and any(names[p] for p in rest) and not _aside(words, place, terms):
                cuts.append(place)
    cuts.append(len(words))
    return _with_leads(words, units, cuts)


def _with_leads(words: Sequence[str], units: Sequence[Unit], cuts: Sequence[int]) -> list[Piece]:
    pieces: list[Piece] = []
    main: Unit | None = None
    for start, end in pairwise(cuts):
        mine = tuple(unit for unit in units if start <= unit.places[0] < end)
        lead = main
        if words[start] in _RELATIVE:
            before = [unit for unit in units if unit.places[-1] < start]
            lead = before[-1] if before else None
        elif mine:
            main = mine[0] if main is None or mine[0].places[0] <= start + 1 else main
        pieces.append(Piece(start, end, mine, lead, words[start] in _RELATIVE))
    return pieces


def _next_joint(words: Sequence[str], place: int, inside: set[int]) -> int:
    while place < len(words):
        if place not in inside and (words[place] in _BREAKS or words[place] in _RELATIVE):
            return place
        place += 1
    return place


def _aside(words: Sequence[str], place: int, terms: Mapping[int, Term]) -> bool:
    """A comma before a name or after an opening ("By trade, Visgar ...") cuts nothing."""
    return words[place] == "," and place + 1 in terms and not any(p in terms for p in range(place))


def _units(words: Sequence[str], terms: Mapping[int, Term]) -> list[Unit]:
    """Names in order, those joined by commas and "and" together."""
    units: list[Unit] = []
    place = 0
    while place < len(words):
        if place not in terms:
            place += 1
            continue
        places = [place]
        after = place + 1
        while True:
            step = after
            while step < len(words) and words[step] in _CHAIN:
                step += 1
            if step == after or step not in terms or terms[step].kind != terms[place].kind:
                break
            if words[step + 1 : step + 2] == ("'s",):
                break  # "Torvash, Hardun's pupil"
            places.append(step)
            after = step + 1
        closed = after >= len(words) or words[after] in (",", ";", "were", "was")
        of = (
            place > 1
            and words[place - 1] in ("of", "to", "between")
            and words[after : after + 1] != ("'s",)
        )
        if len(places) > 1 and (_opens(words, place) or closed or of):
            units.append(Unit(tuple(places), tuple(terms[p] for p in places)))
            place = after
        else:
            units.append(Unit((place,), (terms[place],)))
            place += 1
    return units


def _opens(words: Sequence[str], place: int) -> bool:
    """Whether nothing but "both" or "the" stands before a place in its sentence."""
    return all(word in ("both", "the", "and", ",", "yes", "so") for word in words[:place])

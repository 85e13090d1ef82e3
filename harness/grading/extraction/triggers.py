"""Claims of sentences whose wording no template covers, read by the words that name a relation.

A sentence falls into pieces at its joints. In each piece every cue (linking/synonyms.py) looks for
the two ends of its relation. Kinds tell them apart where they differ; between two of one
kind, grammar does: whose teacher (possessor), by whom (passive), who is before the verb.
Of several relations read between the same two, the one with the longer cues stands, and
with equal cues any of them that is true. Where the order of the two stays open, either will
do; where the piece says more than the reading uses, the reading only confirms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.core.records import Relation
from harness.grading.extraction.arguments import OF_ANY_KIND, Ends, Unit, ends_of
from harness.grading.extraction.reading import SLIGHT
from harness.grading.extraction.segments import Piece, pieces_of
from harness.grading.extraction.trigger_rules import (
    EVENTS,
    Hit,
    Read,
    by_pair,
    close,
    holds,
    is_name,
    longest,
    other_named,
    place_bonus,
    says_itself,
    settled,
    stands,
    to_do,
    told_part,
    weak,
)
from harness.grading.linking.frame import Frame, Term
from harness.grading.linking.linker import INVENTED, UNKNOWN
from harness.grading.linking.synonyms import GAP, LIKELY, RelationCue, cues_of, stem
from harness.grading.text.words import PRONOUNS, Plain
from harness.grading.verification.lookup import Found
from harness.grading.verification.values import ValueReader, is_plain_noun
from harness.world.graph import World

MAX_EXTRA = 4  # words that a firm reading may leave unread
_ASKED = 4  # letters that the question's relation has ahead of others
ABSENT = (UNKNOWN, INVENTED)


class CueReader:
    """Reads sentences about one world by their cues."""

    def __init__(self, world: World, values: ValueReader) -> None:
        self._world = world
        self._values = values
        # by the first stem, and behind it by the second, "" for cues of one word
        self._cues: dict[str, dict[str, list[RelationCue]]] = {}
        for cue in cues_of(world.relations, values.canonical):
            second = cue.stems[1] if len(cue.stems) > 1 else ""
            self._cues.setdefault(cue.stems[0], {}).setdefault(second, []).append(cue)
        self._lists = [r for r in world.relations if r.range in ("value", "number")]

    def read(
        self,
        text: str,
        plain: Plain,
        terms: Mapping[int, Term],
        frame: Frame,
        covered: set[int],
        *,
        denied: bool = False,
    ) -> list[Found]:
        """Claims of the pieces that no template covers; what they use is added to `covered`."""
        stems = [stem(word) for word in plain.words]
        terms = settled(plain.words, terms)
        found: list[Found] = []
        passed_on = False  # "It was not Igodo | who taught Visgar"
        cues = [self._at(stems, place) for place in range(len(stems))]
        names = [any(cue.part != LIKELY for cue in here) for here in cues]
        for piece in pieces_of(plain.words, terms, names):
            if all(place in covered for place in range(piece.start, piece.end)):
                continue
            turned = denied ^ (passed_on and piece.relative)
            mine = self._piece(text, plain, stems, cues, piece, frame, covered, turned)
            passed_on = not mine and any(map(piece.negates, plain.negations))
            found += mine
        return list(dict.fromkeys(found))

    def _at(self, stems: Sequence[str], place: int) -> list[RelationCue]:
        known = self._cues.get(stems[place])
        if known is None:
            return []
        follow = stems[place + 1] if place + 1 < len(stems) else ""
        longer = known.get(GAP if is_name(follow) else follow, ()) if follow else ()
        found = [cue for cue in longer if stands(cue.stems, stems, place)]
        return [*known.get("", ()), *found]

    def _piece(
        self, text: str, plain: Plain, stems: Sequence[str], cues: Sequence[Sequence[RelationCue]],
        piece: Piece, frame: Frame, covered: set[int], denied: bool,
    ) -> list[Found]:  # fmt: skip
        kinds = {t.kind for unit in piece.all_units for t in unit.terms}
        listed = self._listed(plain.words, piece, kinds)
        taken = {p for relation in listed for unit in listed[relation] for p in unit.places}
        hits = [
            Hit(cue, place, place + cue.head)
            for place in range(piece.start, piece.end)
            if place not in covered and place not in taken
            for cue in cues[place]
            if place + len(cue.stems) <= piece.end and holds(cue, plain, place)
        ]
        free = frame.relation is None
        reads = self._reads(plain, piece, hits, listed, frame)
        for read in reads:  # "there was bad blood between them": it says what has been read
            if read.ends.places <= covered and read.letters:
                covered.update(p for hit in read.hits for p in range(hit.start, hit.end))
        reads = [r for r in reads if not r.ends.places <= covered or r.ends.open]
        found: list[Found] = []
        for group in by_pair(reads):
            found += self._claims(text, plain, stems, piece, group, listed, covered, denied, free)
        firm = [claim for claim in found if claim.firm]
        found = firm or found[:1]
        if not firm:
            asked = None
            if not other_named(hits, frame):
                asked = self._asked_for(plain, piece, listed, frame, covered)
            if asked is not None:
                claims = self._claims(
                    text, plain, stems, piece, [asked], listed, covered, denied, free
                )
                found = claims if claims[0].firm or not found else found
        if found:
            covered.update(range(piece.start, piece.end))
        return found

    def _listed(self, words: Sequence[str], piece: Piece, kinds: set[str]) -> dict[str, list[Unit]]:
        """The listed values and numbers in a piece, for relations whose subject could be there."""
        found: dict[str, list[Unit]] = {}
        absent = kinds & set(ABSENT)
        inside = words[piece.start : piece.end]
        hinted = self._values.hinted(inside)
        for relation in self._lists if hinted else ():
            if relation.id not in hinted or (relation.domain not in kinds and not absent):
                continue
            units = [
                Unit(tuple(range(piece.start + at, piece.start + at + size)), (term,))
                for at, size, term in self._values.find_at(relation, inside)
            ]
            if relation.range == "value":
                units = [u for u in units if to_do(inside, u, piece.start)]
            if units:
                found[relation.id] = units
        return found

    def _reads(
        self, plain: Plain, piece: Piece, hits: Sequence[Hit], listed: dict[str, list[Unit]],
        frame: Frame,
    ) -> list[Read]:  # fmt: skip
        found: list[Read] = []
        by_relation: dict[str, list[Hit]] = {}
        for hit in hits:
            by_relation.setdefault(hit.cue.relation, []).append(hit)
        kinds = {term.kind for unit in piece.all_units for term in unit.terms}
        wild = not kinds.isdisjoint(OF_ANY_KIND)
        for relation_id, mine in sorted(by_relation.items()):
            relation = self._world.relation[relation_id]
            named = relation.range in kinds or relation.range in ("value", "number")
            if not wild and not (named and relation.domain in kinds):
                continue  # nobody whom it could be said of
            mine = longest(mine)
            for hit in mine:
                ends = self._ends(plain, piece, relation, hit, listed, frame)
                if ends is not None:
                    letters = sum(h.cue.letters for h in mine if h.cue.part != LIKELY)
                    letters += _ASKED if letters and relation_id == frame.relation else 0
                    letters += place_bonus(plain.words, relation, ends) if letters else 0
                    found.append(Read(relation_id, ends, letters, tuple(mine)))
        for relation_id, units in listed.items():
            relation = self._world.relation[relation_id]
            if relation_id not in by_relation and says_itself(units):
                ends = self._value_ends(piece, relation, None, units)
                if ends is not None:
                    found.append(Read(relation_id, ends, 1, ()))
        return found

    def _ends(
        self, plain: Plain, piece: Piece, relation: Relation, hit: Hit,
        listed: dict[str, list[Unit]], frame: Frame,
    ) -> Ends | None:  # fmt: skip
        if relation.range in ("value", "number"):
            units = listed.get(relation.id)
            if units:
                return self._value_ends(piece, relation, hit, units)
            return self._open_end(plain, piece, relation, hit, frame)
        return ends_of(plain, piece, relation, hit.cue.part, (hit.start, hit.end))

    @staticmethod
    def _value_ends(
        piece: Piece, relation: Relation, hit: Hit | None, units: Sequence[Unit]
    ) -> Ends | None:
        at = hit.start if hit else units[0].places[0]
        behind = units[-1].places[-1] + 1  # "the sailor Pellucan"
        titled = (u for u in piece.units if u.places[0] == behind and u.fits(relation.domain))
        subject = next(titled, None) or piece.nearest(at, relation.domain)
        if subject is None:
            return None
        terms = tuple(term for unit in units for term in unit.terms)
        places = frozenset(p for unit in (*units, subject) for p in unit.places)
        many = relation.range == "number" and len(units) > 1
        return Ends(subject.terms, terms, places, firm=not many)

    def _open_end(
        self, plain: Plain, piece: Piece, relation: Relation, hit: Hit, frame: Frame
    ) -> Ends | None:
        """Words behind a cue of the asked relation, where no listed value stands."""
        given = frame.given
        if relation.range != "value" or relation.id != frame.relation or given is None:
            return None
        subject = piece.nearest(hit.start, relation.domain)
        if subject is None or subject.terms != (given,) or hit.cue.part == LIKELY:
            return None
        rest = list(plain.words[hit.end : piece.end])
        if any(place in piece.places for place in range(hit.end, piece.end)):
            return None
        while rest and (rest[0] in SLIGHT or rest[0] == ","):
            rest = rest[1:]
        text = " ".join(rest)
        if not 0 < len(rest) <= 4 or is_plain_noun(text) or not text.replace(" ", "").isalpha():
            return None
        places = frozenset((*subject.places, *range(hit.end, piece.end)))
        return Ends(subject.terms, (Term("open", (), text),), places, firm=True, open=True)

    def _asked_for(
        self, plain: Plain, piece: Piece, listed: dict[str, list[Unit]], frame: Frame,
        covered: set[int],
    ) -> Read | None:  # fmt: skip
        """The asked relation between the one it is asked of and the only other one named."""
        given = frame.given
        if frame.relation is None or given is None or frame.asks not in ("o", "s"):
            return None
        relation = self._world.relation[frame.relation]
        mine = [u for u in piece.all_units if given in u.terms]
        if frame.asks == "o" and relation.range in ("value", "number"):
            others = listed.get(relation.id, [])
        else:
            kind = relation.range if frame.asks == "o" else relation.domain
            others = [u for u in piece.all_units if u not in mine and u.fits(kind)]
        rest = [u for u in piece.all_units if u not in mine and u not in others]
        if len(mine) != 1 or len(mine[0].terms) != 1 or len(others) != 1 or rest:
            return None
        places = frozenset((*mine[0].places, *others[0].places))
        bare = [
            w for w in plain.words[piece.start : piece.end] if w[0].isalpha() and w not in SLIGHT
        ]
        if relation.domain == relation.range and len(bare) > 1:
            return None
        if (
            places <= covered
            or set(others[0].places) <= covered
            or set(plain.words[piece.start : piece.end]) & PRONOUNS - {"it"}
        ):
            return None
        subject, object = (mine[0], others[0]) if frame.asks == "o" else (others[0], mine[0])
        same = relation.domain == relation.range
        ends = Ends(subject.terms, object.terms, places, firm=True, either_way=same)
        return Read(relation.id, ends, 0, ())

    def _claims(
        self, text: str, plain: Plain, stems: Sequence[str], piece: Piece, group: list[Read],
        listed: dict[str, list[Unit]], covered: set[int], denied: bool, free: bool,
    ) -> list[Found]:  # fmt: skip
        best = group[0]
        ends = best.ends
        hits = [hit for read in group for hit in read.hits if hit.cue.part != LIKELY]
        last = max([*ends.places, *(hit.end for hit in hits or best.hits)])
        negated = denied ^ any(piece.negates(n) and n <= last for n in plain.negations)
        negated ^= any(hit.cue.negative for hit in best.hits)
        firm = (
            ends.firm
            and not (free and weak(best))
            and self._clear(plain, stems, piece, group, listed, covered)
        )
        others = tuple(dict.fromkeys(read.relation for read in group[1:]))
        return [
            Found(
                text, best.relation, subject, object, negated, "cue", "fact",
                either_way=ends.either_way, firm=firm, others=others,
            )
            for subject in ends.subjects
            for object in ends.objects
            if subject != object
        ]  # fmt: skip

    def _clear(
        self, plain: Plain, stems: Sequence[str], piece: Piece, group: list[Read],
        listed: dict[str, list[Unit]], covered: set[int],
    ) -> bool:  # fmt: skip
        """Whether a piece says little more than the reading uses."""
        used = covered | group[0].ends.places
        for read in group:
            for hit in read.hits:
                used.update(range(hit.start, hit.end))
        named = [u for u in piece.units if plain.words[u.places[0]] not in PRONOUNS]
        said = {*group[0].ends.subjects, *group[0].ends.objects}
        if any(not (set(unit.places) & used or said.issuperset(unit.terms)) for unit in named):
            return False  # somebody else has a part in it
        used |= {p for units in listed.values() for unit in units for p in unit.places}
        extra = [
            stems[place]
            for place in told_part(plain.words, piece, group[0])
            if place not in used and plain.words[place][0].isalpha()
            and plain.words[place] not in SLIGHT
        ]  # fmt: skip
        return len(extra) <= MAX_EXTRA and (close(group[0]) or not set(extra) & EVENTS)

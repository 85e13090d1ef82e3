"""Claims of sentences whose wording no template covers, read by the words that name a relation.

A sentence falls into pieces at its joints. In each piece every cue (synonyms.py) looks for
the two ends of its relation. Kinds tell them apart where they differ; between two of one
kind, grammar does: whose teacher (possessor), by whom (passive), who is before the verb.
Of several relations read between the same two, the one with the longer cues stands, and
with equal cues any of them that is true. Where the order of the two stays open, either will
do; where the piece says more than the reading uses, the reading only confirms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.grading.ends import Ends, Unit, ends_of
from harness.grading.frame import Frame, Term
from harness.grading.linking import INVENTED, UNKNOWN
from harness.grading.lookup import Found
from harness.grading.patterns import SLOT
from harness.grading.pieces import Piece, pieces_of
from harness.grading.reading import PRONOUN_KINDS, SLIGHT
from harness.grading.synonyms import GAP, LIKELY, Cue, cues_of, stem
from harness.grading.values import ValueReader, is_plain_noun
from harness.grading.words import PRONOUNS, Plain
from harness.records import Relation
from harness.world.graph import World

MAX_EXTRA = 4  # words that a firm reading may leave unread
_CLEFT = frozenset(["that", "who", "to", "which"])
_ASKED = 4  # letters that the question's relation has ahead of others
_SURE = 9  # letters of a cue that no other verb beside it can turn into something else
_ABSENT = (UNKNOWN, INVENTED)
# Verbs of passing events: they say something else than any relation, or may do so.
_EVENTS = frozenset(
    stem(word)
    for word in "visited met walked ran saw watched gave lost wrote killed helped saved warned "
    "loved liked missed remembered forgot asked begged sold bought stole sent showed sang "
    "laughed wept died fled escaped returned wandered searched heard talked spoke threw carried "
    "brought left reached crossed passed waited slept ate drank quarrelled admired thanked "
    "praised mourned paid lent borrowed broke repaired opened closed".split()
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hit:
    """A cue at words [start, end)."""

    cue: Cue
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Read:
    """One relation read in one piece."""

    relation: str
    ends: Ends
    letters: int
    hits: tuple[Hit, ...]


class CueReader:
    """Reads sentences about one world by their cues."""

    def __init__(self, world: World, values: ValueReader) -> None:
        self._world = world
        self._values = values
        self._cues: dict[str, list[Cue]] = {}
        for cue in cues_of(world.relations, values.canonical):
            self._cues.setdefault(cue.stems[0], []).append(cue)
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
        terms = _settled(plain.words, terms)
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

    def _at(self, stems: Sequence[str], place: int) -> list[Cue]:
        known = self._cues.get(stems[place])
        if known is None:
            return []
        return [cue for cue in known if len(cue.stems) == 1 or _stands(cue.stems, stems, place)]

    def _piece(
        self, text: str, plain: Plain, stems: Sequence[str], cues: Sequence[Sequence[Cue]],
        piece: Piece, frame: Frame, covered: set[int], denied: bool,
    ) -> list[Found]:  # fmt: skip
        kinds = {t.kind for unit in piece.all_units for t in unit.terms}
        listed = self._listed(plain.words, piece, kinds)
        taken = {p for relation in listed for unit in listed[relation] for p in unit.places}
        hits = [
            Hit(cue, place, place + cue.head)
            for place in range(piece.start, piece.end)
            if place not in covered
            and place not in taken
            and plain.words[place + 1 : place + 2] != ("'s",)
            for cue in cues[place]
            if place + len(cue.stems) <= piece.end
            if not cue.exact or plain.words[place] == cue.exact
            if not cue.negative or any(place <= n <= place + cue.head for n in plain.negations)
        ]
        reads = self._reads(plain, piece, hits, listed, frame)
        reads = [r for r in reads if not r.ends.places <= covered or r.ends.open]
        found: list[Found] = []
        for group in _by_pair(reads):
            found += self._claims(text, plain, stems, piece, group, listed, covered, denied)
        firm = [claim for claim in found if claim.firm]
        found = firm or found[:1]
        if not firm:
            asked = None
            if not _other_named(hits, frame):
                asked = self._asked_for(plain, piece, listed, frame, covered)
            if asked is not None:
                claims = self._claims(text, plain, stems, piece, [asked], listed, covered, denied)
                found = claims if claims[0].firm or not found else found
        if found:
            covered.update(range(piece.start, piece.end))
        return found

    def _listed(self, words: Sequence[str], piece: Piece, kinds: set[str]) -> dict[str, list[Unit]]:
        """The listed values and numbers in a piece, for relations whose subject could be there."""
        found: dict[str, list[Unit]] = {}
        absent = kinds & set(_ABSENT)
        inside = words[piece.start : piece.end]
        for relation in self._lists:
            if relation.domain not in kinds and not absent:
                continue
            units = [
                Unit(tuple(range(piece.start + at, piece.start + at + size)), (term,))
                for at, size, term in self._values.find_at(relation, inside)
            ]
            if relation.range == "value":
                units = [u for u in units if _to_do(inside, u, piece.start)]
            if units:
                found[relation.id] = units
        return found

    def _reads(
        self, plain: Plain, piece: Piece, hits: Sequence[Hit], listed: dict[str, list[Unit]],
        frame: Frame,
    ) -> list[_Read]:  # fmt: skip
        found: list[_Read] = []
        by_relation: dict[str, list[Hit]] = {}
        for hit in hits:
            by_relation.setdefault(hit.cue.relation, []).append(hit)
        for relation_id, mine in sorted(by_relation.items()):
            relation = self._world.relation[relation_id]
            mine = _longest(mine)
            for hit in mine:
                ends = self._ends(plain, piece, relation, hit, listed, frame)
                if ends is not None:
                    letters = sum(h.cue.letters for h in mine if h.cue.part != LIKELY)
                    letters += _ASKED if letters and relation_id == frame.relation else 0
                    found.append(_Read(relation_id, ends, letters, tuple(mine)))
        for relation_id, units in listed.items():
            relation = self._world.relation[relation_id]
            if relation_id not in by_relation and _says_itself(units):
                ends = self._value_ends(piece, relation, None, units)
                if ends is not None:
                    found.append(_Read(relation_id, ends, 1, ()))
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
        subject = piece.nearest(at, relation.domain)
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
    ) -> _Read | None:  # fmt: skip
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
        if places <= covered or set(plain.words[piece.start : piece.end]) & PRONOUNS - {"it"}:
            return None
        subject, object = (mine[0], others[0]) if frame.asks == "o" else (others[0], mine[0])
        same = relation.domain == relation.range
        ends = Ends(subject.terms, object.terms, places, firm=True, either_way=same)
        return _Read(relation.id, ends, 0, ())

    def _claims(
        self, text: str, plain: Plain, stems: Sequence[str], piece: Piece, group: list[_Read],
        listed: dict[str, list[Unit]], covered: set[int], denied: bool,
    ) -> list[Found]:  # fmt: skip
        best = group[0]
        ends = best.ends
        last = max([*ends.places, *(hit.end for read in group for hit in read.hits)])
        negated = denied ^ any(piece.negates(n) and n <= last for n in plain.negations)
        negated ^= any(hit.cue.negative for hit in best.hits)
        firm = ends.firm and self._clear(plain, stems, piece, group, listed, covered)
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
        self, plain: Plain, stems: Sequence[str], piece: Piece, group: list[_Read],
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
            for place in range(piece.start, piece.end)
            if place not in used and plain.words[place][0].isalpha()
            and plain.words[place] not in SLIGHT
        ]  # fmt: skip
        return len(extra) <= MAX_EXTRA and (_close(group[0]) or not set(extra) & _EVENTS)


def _settled(words: Sequence[str], terms: Mapping[int, Term]) -> dict[int, Term]:
    """Terms without the "it" of "It was in Lund that ..."; pronouns mean whom the sentence names.

    "The Order counted Ossery among its members": "its" are the Order's.
    """
    found: dict[int, Term] = {}
    for place in sorted(terms):
        word = words[place]
        if word not in PRONOUNS:
            found[place] = terms[place]
            continue
        rest = words[place + 1 :]
        verb = rest[:1] in (("was",), ("fell",), ("fall",))
        if word == "it" and place == 0 and verb and set(rest) & _CLEFT and len(terms) > 1:
            continue
        named = [t for t in found.values() if t.kind in PRONOUN_KINDS[word]]
        found[place] = named[0] if named else terms[place]
    return found


def _stands(cue: tuple[str, ...], stems: Sequence[str], place: int) -> bool:
    """Whether a cue stands at a place; GAP is a name."""
    for at, want in enumerate(cue):
        here = stems[place + at : place + at + 1]
        if not here or (here[0] != want if want != GAP else not _is_name(here[0])):
            return False
    return True


def _is_name(word: str) -> bool:
    return word == SLOT or word in PRONOUNS


def _other_named(hits: Sequence[Hit], frame: Frame) -> bool:
    """Whether a piece names another relation than the asked one, and not that."""
    named = {hit.cue.relation for hit in hits if hit.cue.part != LIKELY and hit.cue.letters >= 3}
    return bool(named) and frame.relation not in named


def _close(read: _Read) -> bool:
    """Whether an event's verb does not matter: a long cue, or a value right beside one."""
    if any(hit.cue.letters >= _SURE or len(hit.cue.stems) >= 3 for hit in read.hits):
        return True
    beside = {p for hit in read.hits for p in (hit.start - 1, hit.end, hit.end + 1)}
    return bool(beside & read.ends.places) and read.ends.objects[0].kind in ("value", "number")


def _to_do(words: Sequence[str], unit: Unit, start: int) -> bool:
    """Whether an aim ("to find the sea") is put as one: with "to", not as a deed."""
    at = unit.places[0] - start
    return not unit.terms[0].text.startswith("to ") or "to" in words[max(0, at - 1) : at + 1]


def _says_itself(units: Sequence[Unit]) -> bool:
    """Whether a value names its relation by itself: a deed, not a thing ("to find the sea")."""
    return all(len(unit.places) >= 3 for unit in units)


def _longest(hits: Sequence[Hit]) -> list[Hit]:
    """Hits without those that lie in a longer one."""
    return [
        hit
        for hit in hits
        if not any(
            other.start <= hit.start and hit.end <= other.end and other.end - other.start
            > hit.end - hit.start
            for other in hits
        )
    ]  # fmt: skip


def _by_pair(reads: Sequence[_Read]) -> list[list[_Read]]:
    """Readings of one pair of ends together: the best, with those that are as good."""
    pairs: dict[frozenset[int], list[_Read]] = {}
    for read in reads:
        pairs.setdefault(read.ends.places, []).append(read)
    groups: list[list[_Read]] = []
    for group in pairs.values():
        group.sort(key=lambda r: (-r.letters, r.ends.either_way, not r.ends.firm, r.relation))
        top = group[0]
        groups.append([r for r in group if r.letters == top.letters and _same_sides(r, top)])
    return groups


def _same_sides(a: _Read, b: _Read) -> bool:
    return a.ends.subjects == b.ends.subjects and a.ends.objects == b.ends.objects

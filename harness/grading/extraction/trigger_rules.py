"""What cues found in a sentence count for: which hold, and how sure each reading is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core.records import Relation
from harness.grading.extraction.arguments import Ends, Unit
from harness.grading.extraction.patterns import SLOT
from harness.grading.extraction.reading import PRONOUN_KINDS
from harness.grading.extraction.segments import Piece
from harness.grading.linking.frame import Frame, Term
from harness.grading.linking.synonyms import BACKWARD, FORWARD, GAP, LIKELY, RelationCue, stem
from harness.grading.text.words import PRONOUNS, Plain

CLEFT = frozenset(["that", "who", "to", "which"])
_IN_PLACE = 3
SURE = 9  # letters of a cue that no other verb beside it can turn into something else
# Verbs of passing events: they say something else than any relation, or may do so.
EVENTS = frozenset(
    stem(word)
    for word in "visited met walked ran saw watched gave lost wrote killed helped saved warned "
    "loved liked missed remembered forgot asked begged sold bought stole sent showed sang "
    "laughed wept died fled escaped returned wandered searched heard talked spoke threw carried "
    "brought left reached crossed passed waited slept ate drank quarrelled admired thanked "
    "praised mourned paid lent borrowed broke repaired opened closed refused announced banished "
    "exiled expelled arrested fined sentenced moved teased pleaded destroyed".split()
)  # fmt: skip

# Words that name a relation where it is asked for, and anything else in prose.
_WEAK = frozenset(
    stem(word)
    for word in "put set place part company hand hands name work works came come comes known know "
    "made make used use found find time table door room rooms paid line role post position "
    "end ends mind heart life would said field seen saw behind carried counted marked "
    "hit took take given gave brought reached left laid drew wore wears carries under met circle "
    "seat hosts lies lay sits sat past count about by start started begin began spot "
    "trip road roads walked served serve moved followed joined together along "
    "welcome brother sister through because act hands power help helped things passed bring "
    "trade spoke speak drove shook look looked picked owed fled knew promise joined "
    "touched".split()
)  # fmt: skip


# Weak words that are none where the two ends tell what is meant: who starts a siege causes it.
_STRONG = {
    "cause": frozenset(map(stem, ("start", "started", "begin", "began"))),
    "founder": frozenset([stem("founded"), stem("found")]),
    "seat": frozenset(
        stem(word)
        for word in "seat seats room rooms table sat sits lies lay found place work works host "
        "hosts came come comes work company run".split()
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hit:
    """A cue at words [start, end)."""

    cue: RelationCue
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Read:
    """One relation read in one piece."""

    relation: str
    ends: Ends
    letters: int
    hits: tuple[Hit, ...]


def settled(words: Sequence[str], terms: Mapping[int, Term]) -> dict[int, Term]:
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
        if word == "it" and place == 0 and verb and set(rest) & CLEFT and len(terms) > 1:
            continue
        named = [t for t in found.values() if t.kind in PRONOUN_KINDS[word]]
        found[place] = named[0] if named else terms[place]
    return found


def stands(cue: tuple[str, ...], stems: Sequence[str], place: int) -> bool:
    """Whether a cue stands at a place; GAP is a name."""
    for at, want in enumerate(cue):
        here = stems[place + at : place + at + 1]
        if not here or (here[0] != want if want != GAP else not is_name(here[0])):
            return False
    return True


def holds(cue: RelationCue, plain: Plain, place: int) -> bool:
    """Whether a cue whose stems stand at a place is meant there.

    Not "Torvash's father's house" or, where it is a noun, "fathered".
    """
    words, last = plain.words, place + cue.head - 1
    if cue.exact and words[place] != cue.exact:
        return False
    if cue.negative and not any(place <= n <= place + cue.head for n in plain.negations):
        return False
    owned = cue.part in (FORWARD, BACKWARD) and words[place].endswith("ing")
    if owned and words[place - 1 : place] == ("'s",):
        return False  # "Torvash's schooling" does not say who schooled
    if cue.noun and words[last].endswith(("ed", "ing")):
        return False
    return cue.head > 1 or words[place + 1 : place + 2] != ("'s",)


def place_bonus(words: Sequence[str], relation: Relation, ends: Ends) -> int:
    """Letters ahead for what is said of being "in" or "from" a place, not of a place."""
    if relation.range != "place" or not ends.objects:
        return 0
    at = max(ends.places)
    while at > 0 and words[at - 1] in ("the", "town", "city", "village", "of", "place"):
        at -= 1
    return _IN_PLACE if at > 0 and words[at - 1] in ("in", "from") else 0


def told_part(words: Sequence[str], piece: Piece, read: Read) -> range:
    """The words of a piece that a reading has to understand: not what stands behind commas.

    "Torvash, a pupil of Melindra, never forgot the lessons."
    """
    mine = [*read.ends.places, *(p for hit in read.hits for p in (hit.start, hit.end - 1))]
    mine = [place for place in mine if piece.start <= place < piece.end]
    if not mine:
        return range(piece.start, piece.end)
    start, end = min(mine), max(mine)
    while start > piece.start and words[start - 1] != ",":
        start -= 1
    while end < piece.end and words[end] != ",":
        end += 1
    return range(start, end)


def is_name(word: str) -> bool:
    """Whether a canonical word stands for a name."""
    return word == SLOT or word in PRONOUNS


def other_named(hits: Sequence[Hit], frame: Frame) -> bool:
    """Whether a piece names another relation than the asked one, and not that."""
    named = {hit.cue.relation for hit in hits if hit.cue.part != LIKELY and hit.cue.letters >= 3}
    return bool(named) and frame.relation not in named


def close(read: Read) -> bool:
    """Whether an event's verb does not matter: a long cue, or a value right beside one."""
    if any(hit.cue.letters >= SURE or len(hit.cue.stems) >= 3 for hit in read.hits):
        return True
    beside = {p for hit in read.hits for p in (hit.start - 1, hit.end, hit.end + 1)}
    return bool(beside & read.ends.places) and read.ends.objects[0].kind in ("value", "number")


def weak(read: Read) -> bool:
    """Whether nothing but words of wide use names the relation, between two names."""
    if read.ends.objects and read.ends.objects[0].kind in ("value", "number", "open"):
        return False
    stems = [hit.cue.stems for hit in read.hits]
    strong = _STRONG.get(read.relation, frozenset())
    return all(len(one) == 1 and one[0] in _WEAK and one[0] not in strong for one in stems)


def to_do(words: Sequence[str], unit: Unit, start: int) -> bool:
    """Whether an aim ("to find the sea") is put as one: with "to" or "-ing", not as a deed."""
    at = unit.places[0] - start
    put = "to" in words[max(0, at - 1) : at + 1] or words[at].endswith("ing")
    return put or not unit.terms[0].text.startswith("to ")


def says_itself(units: Sequence[Unit]) -> bool:
    """Whether a value names its relation by itself: a deed, not a thing ("to find the sea")."""
    return all(len(unit.places) >= 3 for unit in units)


def longest(hits: Sequence[Hit]) -> list[Hit]:
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


def by_pair(reads: Sequence[Read]) -> list[list[Read]]:
    """Readings of one pair of ends together: the best, with those that are as good."""
    pairs: dict[frozenset[int], list[Read]] = {}
    for read in reads:
        pairs.setdefault(read.ends.places, []).append(read)
    groups: list[list[Read]] = []
    for group in pairs.values():
        group.sort(key=lambda r: (-r.letters, r.ends.either_way, not r.ends.firm, r.relation))
        top = group[0]
        groups.append([r for r in group if r.letters == top.letters and same_sides(r, top)])
    return groups


def same_sides(a: Read, b: Read) -> bool:
    """Whether two readings have the same subjects and the same objects."""
    return a.ends.subjects == b.ends.subjects and a.ends.objects == b.ends.objects

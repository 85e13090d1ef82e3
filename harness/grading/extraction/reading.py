"""A sentence while its claims are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.grading.extraction.patterns import SLOT, Match
from harness.grading.linking.frame import Term
from harness.grading.linking.linker import INVENTED, UNKNOWN, Linked
from harness.grading.text.words import Plain

ABSENT_KINDS = (UNKNOWN, INVENTED, "cut")
PRONOUN_KINDS = {
    "he": ("person",),
    "she": ("person",),
    "him": ("person",),
    "her": ("person",),
    "it": ("object", "place", "group", "event"),
    "they": ("group", "person", "object", "place", "event"),
    "them": ("group", "person", "object", "place", "event"),
}


@dataclass
class Memory:
    """Whom an answer has spoken of: the last subject and the last mention of each kind."""

    subjects: dict[str, Term] = field(default_factory=dict)
    mentions: dict[str, Term] = field(default_factory=dict)
    last: Term | None = None  # whom the last sentence was about

    def copy(self) -> Memory:
        """A memory of its own that knows the same."""
        return Memory(dict(self.subjects), dict(self.mentions), self.last)

    def take(self, other: Memory) -> None:
        """Know what another knows."""
        self.subjects, self.mentions, self.last = other.subjects, other.mentions, other.last


@dataclass
class SentenceReading:
    """One sentence while it is read: canonical words and what stands at each place."""

    text: str
    linked: Linked
    plain: Plain
    terms: dict[int, Term]
    covered: set[int] = field(default_factory=set)
    denied: bool = False  # the whole sentence is ("It is not true that ...")

    @property
    def skeleton(self) -> str:
        """The canonical words with SLOT for every mention."""
        return " ".join(self.plain.words)


@dataclass(frozen=True)
class Candidate:
    """A match with its slots resolved, and how good it is."""

    match: Match
    subject: Term
    object: Term
    end: int
    score: tuple[int, ...]
    form: str
    described: bool = False  # the object is: "the teacher of ..."


FILLER = frozenset(
    "the a an and or but so then there here was had could it he she they him her them who which "
    "that this in on of to for with by from as one once upon time day story answer yes no well i "
    "think believe guess suppose know sure says said told tells question according called name "
    "named my your you we our passage text person place man woman also very much because is".split()
)


# Words that say nothing by themselves, about whomever.
QUIET = FILLER | frozenset(
    "into its their his her our all any some each every such own very most more than other another "
    "would should may might must been did do does not only always ever at up out about over s "
    "along through off back down everyone everything anything something else whole "
    "true really still again together what how where when whose if went go thing things first "
    "last both same mainly ones chief main nobody none real or nor".split()
)
# Words that say little beside a claim that was read ("the old man", "all his life").
SLIGHT = QUIET | frozenset(
    "long old young new great good little famous times life year years".split()
)


def fits(term: Term, kind: str) -> bool:
    """Whether a term can be of a kind; unknown names can be of any."""
    if term.kind in ABSENT_KINDS:
        return kind not in ("value", "number")
    if kind == "value":
        return term.kind in ("value", "open")
    return term.kind in (kind, "any")


def in_aside(words: Sequence[str], match: Match) -> bool:
    """Not about Igodo: "the friend of Igodo was born", "Visgar, who met Igodo, was born"."""
    start = match.start
    if start == 0 or words[start] != SLOT:
        return False
    comma = words[start + 1 : start + 2] == (",",)
    if comma and words[start + 2 : start + 3] not in (("who",), ("which",), ("the",), ("a",)):
        return "," in words[:start]
    return words[start - 1] in ("of", "'s")


def leads(candidate: Candidate, slot: str) -> bool:
    """Whether the wording names the slot ("s", "o") first."""
    match = candidate.match
    if match.pattern.missing:
        return match.pattern.missing == slot
    if match.s is None or match.o is None:
        return slot == "s"
    if candidate.described:
        return slot == "o"  # "the teacher of Visgar, Oswenna, was ..."
    return (match.s < match.o) == (slot == "s")


def overlap(a: Candidate, b: Candidate, words: Sequence[str]) -> bool:
    """Whether two readings claim the same words, a shared name apart."""
    first, second = (a, b) if a.match.start <= b.match.start else (b, a)
    start = second.match.start
    if first.end <= start:
        return False
    shared = first.end == start + 1 and words[start] == SLOT  # "taught Elorna, who was ..."
    if shared and "name" in (first.match.pattern.kind, second.match.pattern.kind):
        return False  # "the weaver Visgar lived in ..."
    return not (shared and words[start + 1 : start + 2] in ((",",), ("who",), ("which",), ("'s",)))


def chain(words: Sequence[str], start: int, step: int) -> list[int]:
    """Places of slots joined to `start` by commas, "and", "or"."""
    places: list[int] = []
    place = start
    while 0 <= place < len(words) and words[place] in (",", "and", "or"):
        while 0 <= place < len(words) and words[place] in (",", "and", "or"):
            place += step
        if not (0 <= place < len(words)) or words[place] != SLOT:
            break
        places.append(place)
        place += step
    return places

"""Who is meant by "she", "there" and "the town": what an answer has spoken of so far.

A pronoun means whom the last sentence was about, if kind and gender allow it, else the last
one named of that kind. Gender is known from the facts (fathers, mothers), from titles, and
from the pronouns that the answer itself uses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.grading.linking.linker import INVENTED, UNKNOWN, Linked, Mention
from harness.grading.linking.nouns import GENERAL, Nouns
from harness.grading.linking.synonyms import traits
from harness.grading.text.prepare import split_sentences
from harness.grading.text.words import PRONOUNS, tokenise
from harness.world.graph import World

HE, SHE = "he", "she"
_GENDERS = {
    HE: HE, "him": HE, "his": HE, "himself": HE,
    SHE: SHE, "her": SHE, "hers": SHE, "herself": SHE,
}  # fmt: skip
_OBJECT_IS = {"object_he": HE, "object_she": SHE}
_ANAPHORS = frozenset([*_GENDERS, "it", "its", "they", "their", "them"])
_CLEFTS = frozenset(["who", "whom", "that", "where", "when", "which"])
_THINGS = frozenset(["it", "its", "itself"])
_TITLES = {
    HE: ("lord", "brother", "king", "sir", "prince", "duke", "father"),
    SHE: ("lady", "mistress", "queen", "dame", "princess", "duchess", "sister", "mother"),
}


def genders(world: World) -> dict[str, str]:
    """What the facts and the titles of a world say: entity id to "he" or "she"."""
    found: dict[str, str] = {}
    for fact in world.facts:
        said = traits(fact.relation)
        if said & _OBJECT_IS.keys():
            found[fact.object] = next(_OBJECT_IS[one] for one in sorted(said & _OBJECT_IS.keys()))
    for name, entity in world.names.items():
        first = name.lower().split()[0]
        for gender, titles in _TITLES.items():
            if first in titles and len(name.split()) > 1:
                found.setdefault(entity, gender)
    for entity, votes in _spoken_of(world).items():
        if votes[HE] != votes[SHE]:
            found.setdefault(entity, max(votes, key=lambda gender: votes[gender]))
    return found


def _spoken_of(world: World) -> dict[str, Counter[str]]:
    """How often the passages call somebody "he" or "she", in sentences that name one person."""
    words = {
        name.lower().split()[-1]: entity
        for name, entity in world.names.items()
        if world.entity[entity].kind == "person"
    }
    found: dict[str, Counter[str]] = {}
    for passage in world.passages:
        last: set[str] = set()
        for sentence in split_sentences(passage.text):
            lows = [word.lower() for word in tokenise(sentence)]
            named = {words[low] for low in lows if low in words}
            said = {_GENDERS[low] for low in lows if low in _GENDERS}
            about = named or (last if lows and lows[0] in _GENDERS else set())
            if len(about) == 1 and len(said) == 1:
                found.setdefault(next(iter(about)), Counter())[said.pop()] += 1
            last = named
    return found


@dataclass
class Discourse:
    """What has been named, and whom the last sentence was about."""

    known: dict[str, str]  # genders of the world
    nouns: Nouns = GENERAL  # of the world
    named: list[Mention] = field(default_factory=list)  # in order, the last last
    topics: list[Mention] = field(default_factory=list)  # of the sentences, the last last
    latest: tuple[Mention, ...] = ()  # those of the last sentence that names any
    used: dict[str, str] = field(default_factory=dict)  # genders as this answer has them

    def hear(self, mentions: Sequence[Mention], topic: Mention | None) -> None:
        """Take in a sentence that has been read."""
        self.named = [*self.named, *mentions][-40:]
        self.latest = tuple(mentions) or self.latest
        if topic is not None:
            self.topics = [*self.topics, topic][-20:]

    @property
    def crowded(self) -> bool:
        """Whether more than one person has been named."""
        return len({_key(mention) for mention in self.named if _person_like(mention)}) > 1

    def meant(
        self, word: str, before: Sequence[Mention] = (), *, barred: Sequence[Mention] = ()
    ) -> Mention | None:
        """Whom a pronoun means. before: the names in front of it in its own sentence.

        barred: whom it cannot mean, such as the subject of its clause.
        """
        if word in _GENDERS:
            found = self._person(_GENDERS[word], before, barred)
            if found is not None:
                self.used.setdefault(_key(found), _GENDERS[word])
            return found
        if word in _THINGS:
            return self._thing(before, barred)
        if word in ("they", "their", "them"):
            for mention in (*self.topics[::-1][:1], *list(before)[::-1], *self.topics[::-1]):
                if mention.kind in ("group", "person"):
                    return mention
        return None

    def noun(self, word: str, before: Sequence[Mention] = ()) -> Mention | None:
        """Who or what is meant by "the town", "the boy", "the comet"."""
        bearers = self.nouns.bearers(word)
        for mention in (*list(before)[::-1], *self.topics[::-1], *self.named[::-1]):
            if mention.ids and bearers.issuperset(mention.ids):
                return mention
        kind = self.nouns.kind(word)
        if kind is None:
            return None
        if kind == "person":
            gender = HE if word in ("boy", "man", "lad", "youngster") else SHE
            return self._person(gender, before, before[:1])
        return self._last((kind,), before)

    def last(self, kind: str) -> Mention | None:
        """The last one named of a kind."""
        return self._last((kind,), ())

    def pair(self) -> tuple[Mention, ...]:
        """The two people of the last sentence, where it names no others: "they", "the couple"."""
        found = {_key(mention): mention for mention in self.latest if mention.kind == "person"}
        grouped = self.topics and self.topics[-1].kind == "group"
        return tuple(found.values()) if len(found) == 2 and not grouped else ()

    def place(self, before: Sequence[Mention] = ()) -> Mention | None:
        """Where "there" is."""
        return self._last(("place",), before)

    def _person(
        self, gender: str, before: Sequence[Mention], barred: Sequence[Mention]
    ) -> Mention | None:
        lead = [m for m in before if _person_like(m)][:1]
        others = {_key(mention) for mention in barred}
        rows = [lead, self.topics[::-1], list(before)[::-1], self.named[::-1]]
        sure = None
        for row in rows:
            for mention in row:
                if not _person_like(mention) or _key(mention) in others:
                    continue
                known = self.used.get(_key(mention)) or self.known.get(_key(mention))
                if known == gender or known is None:
                    return mention
                sure = sure or mention
        return sure

    def _thing(self, before: Sequence[Mention], barred: Sequence[Mention]) -> Mention | None:
        things = [m for m in before if m.kind not in ("person", UNKNOWN, INVENTED, "cut")]
        others = {_key(mention) for mention in barred}
        rows = [things[:1], self.topics[::-1], self.named[::-1]]
        for row in rows:
            for mention in row:
                if (
                    _key(mention) not in others
                    and mention.kind not in ("person", "cut")
                    and not (mention.kind in (UNKNOWN, INVENTED) and len(mention.text.split()) < 2)
                ):
                    return mention
        return None

    def _last(self, kinds: Sequence[str], before: Sequence[Mention]) -> Mention | None:
        for mention in (*list(before)[::-1], *self.topics[::-1], *self.named[::-1]):
            if mention.kind in kinds:
                return mention
        return None


def has_pronoun(lows: Sequence[str]) -> bool:
    """Whether a pronoun stands for somebody; not the "it" of "It was Igodo who taught her"."""
    cleft = lows[0] == "it" and lows[1:2] in (["was"], ["is"]) and not _CLEFTS.isdisjoint(lows)
    return any(low in PRONOUNS for low in (lows[1:] if cleft else lows))


def topic_of(linked: Linked) -> Mention | None:
    """Whom a sentence is about: the first one named, unless a pronoun stands before that."""
    if not linked.mentions:
        return None
    before = linked.lows[: linked.mentions[0].start]
    return linked.mentions[0] if _ANAPHORS.isdisjoint(before) else None


def _person_like(mention: Mention) -> bool:
    if mention.kind in (UNKNOWN, INVENTED):
        return len(mention.text.split()) < 3
    return mention.kind in ("person", "any")


def _key(mention: Mention) -> str:
    return mention.ids[0] if len(mention.ids) == 1 else mention.text.lower()

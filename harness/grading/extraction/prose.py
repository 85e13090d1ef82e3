"""Whether a story's own prose says anything like a saying that no relation stands for.

"Oswenna pleaded for him in tears" is no fact of the world, true or false. Where the story is
told in prose (not in its facts alone), a saying of which few words stand together anywhere in
it was not told. Words weigh by their rarity in the story, and names of the passage count as
words of each of its places; places in passages that do not name whom the saying is about count
less. Words stand for sayings only roughly, so a saying with more than LIKE of its weight in one
place stays undecided: the prose may say it, or its opposite. So does what is said of the story
as a story ("most readers remember him"), what is denied, and what breaks off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import fsum, log

from harness.grading.extraction.reading import SLIGHT
from harness.grading.linking.synonyms import stem
from harness.grading.text.numbers import NUMBER_WORDS, find_numbers
from harness.grading.text.prepare import split_sentences
from harness.grading.text.words import NEGATIONS, tokenise
from harness.grading.verification.lookup import Found
from harness.world.graph import World

WORDS_A_FACT = 15  # of passages that say more than their facts
LIKE = 0.5  # a saying with a larger share of its weight in one place of the story may be told
ELSEWHERE = 0.5  # what a place counts in a passage that does not name the saying's subject
DOZEN = 12
MIN_WORDS = 2  # of a saying, names of its subject and small words apart
# Words of talk about the story or the answer, not of what happens in it.
_TALK = frozenset(
    "reader readers character characters story tale plot narrative narrator scene scenes chapter "
    "author novel passage text details detail moment moments memorable favourite favorite "
    "remember remembered recall mention mentioned mentions interesting impression question answer "
    "think mean means meant opinion sense charming touching moving sad funny lovely sweet nice "
    "i me my we us our you your".split()
)
# A clause that ends in one of these was cut in the middle.
_DANGLING = frozenset(
    "of in at by to from with near under for and or but except only than as that who which a an "
    "the his her its their when while because if about into on over was is were are be".split()
)
_BE = frozenset("am are is was were be been being has have had does did can could".split())
_DENIED = NEGATIONS - {"never"}
_OPENERS = frozenset("once later then now also still soon even there".split())
_IRREGULAR = {
    "rang": "ring", "rung": "ring", "sang": "sing", "sung": "sing", "stole": "steal",
    "stolen": "steal", "sent": "send", "lent": "lend", "slept": "sleep", "wept": "weep",
    "drank": "drink", "ate": "eat", "ran": "run", "threw": "throw", "thrown": "throw",
    "caught": "catch", "bought": "buy", "sold": "sell", "drew": "draw", "flew": "fly",
    "wore": "wear", "worn": "wear", "chose": "choose", "chosen": "choose", "froze": "freeze",
    "spent": "spend", "left": "leave", "lost": "lose", "found": "find", "won": "win",
    "wrote": "write", "written": "write", "drove": "drive", "driven": "drive", "paid": "pay",
    "said": "say", "told": "tell", "heard": "hear", "forgave": "forgive", "grown": "grow",
    "grew": "grow", "women": "woman", "men": "man", "children": "child", "sunk": "sink",
}  # fmt: skip


class Prose:
    """The passages of one world, by the stems of their sentences."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._names = {w.lower() for name in world.names for w in tokenise(name) if w[0].isupper()}
        self._places: list[tuple[frozenset[str], frozenset[str]]] = []
        size = 0
        for passage in world.passages:
            stems = [self._stems(sentence) for sentence in split_sentences(passage.text)]
            named = frozenset(one for words in stems for one in words if one[0] == "#")
            pairs = [a | b for a, b in pairwise(stems)] or stems
            self._places += [(pair | named, named) for pair in pairs]
            size += len(passage.text.split())
        told = [fact.object for fact in world.facts if fact.object.isdigit()]
        texts = [*(passage.text for passage in world.passages), *told]
        lows = [[word.lower() for word in tokenise(text)] for text in texts]
        self._numbers = {value for words in lows for _, _, value in find_numbers(words)}
        self._told_of = self._ends_of(world)
        counts = Counter(one for place, _ in self._places for one in place)
        self._most = log(2 + len(self._places))
        self._weights = {one: self._most - log(1 + count) for one, count in counts.items()}
        self.tells_more = size > WORDS_A_FACT * max(1, len(world.told_ids))

    def weighed(self, found: Sequence[Found]) -> list[Found]:
        """Claims of free prose, with what the story does not tell marked so (basis `prose`).

        That is: sayings that nothing decides and nothing in the story is like, and claims with a
        number that stands in no claim and nowhere in the story ("in the year 98").
        """
        found = [self._beside(one) for one in found]
        counted = {
            one.text
            for one in found
            if one.basis == "prose" or (one.object is not None and one.object.kind == "number")
        }
        texts = {one.text: one for one in found if one.relation is not None and one.subject}
        return found + [
            Found(text, None, one.subject, None, basis="prose")
            for text, one in texts.items()
            if text not in counted and self._strange_number(text)
        ]

    def _beside(self, found: Found) -> Found:
        if found.relation is not None or "," in found.text.strip(" ,"):
            return found
        subject = found.subject
        about = subject.ids if subject is not None else None
        strange = bool(about) and self._strange_number(found.text)
        if (subject is None or about) and (strange or self.lacks(found.text, about)):
            return replace(found, basis="prose")
        return found

    def lacks(self, saying: str, about: Sequence[str] | None = ()) -> bool:
        """Whether no place of the story is like a saying; False where that cannot be told.

        about: the entity that it is about; None where it names none, which only tales of what
        happened or how many there were may do.
        """
        if not self.tells_more or not (said := self._checkable(saying)):
            return False
        if about is None and not any(_happened(low) for low in said):
            return False
        own = self._own_names(about or ())
        words = self._stems(saying) - own
        if len(words) < MIN_WORDS and not self._strange_deed(said, words):
            return False
        if about and self._rewords(about[0], words):
            return False
        weights = {word: self._weights.get(word, self._most) for word in words}
        best = 0.0
        for place, named in self._places:
            share = fsum(weights[one] for one in words & place)
            best = max(best, share if not own or own & named else ELSEWHERE * share)
        return best <= LIKE * fsum(weights.values())

    def _strange_number(self, text: str) -> bool:
        """Whether a number stands in a text that the story never names, above a dozen."""
        if not self.tells_more:
            return False
        numbers = find_numbers([word.lower() for word in tokenise(text)])
        return any(value > DOZEN and value not in self._numbers for _, _, value in numbers)

    def _rewords(self, about: str, words: frozenset[str]) -> bool:
        """Whether a saying has all words of something told of its subject: that, reworded."""
        return any(other <= words for other in self._told_of.get(about, ()))

    def _ends_of(self, world: World) -> dict[str, set[frozenset[str]]]:
        """For each entity the names and values that told facts put beside it, as stems."""
        found: dict[str, set[frozenset[str]]] = {}
        for fact in world.facts:
            if fact.id not in world.told_ids:
                continue
            for mine, other in ((fact.subject, fact.object), (fact.object, fact.subject)):
                stems = self._own_names((other,)) or self._stems(other)
                names = [frozenset([one]) for one in stems] if other in world.entity else [stems]
                if mine in world.entity:
                    found.setdefault(mine, set()).update(one for one in names if one)
        return found

    def _checkable(self, saying: str) -> list[str]:
        """The words of a saying about what happens in the story; none if it is no such thing."""
        said = [word.lower() for word in tokenise(saying) if word[0].isalnum()]
        if not said or said[-1] in _DANGLING or not (_TALK | _DENIED).isdisjoint(said):
            return []
        return said

    def _own_names(self, about: Sequence[str]) -> frozenset[str]:
        entities = [self._world.entity[one] for one in about if one in self._world.entity]
        names = [name for one in entities for name in (one.name, *one.aliases)]
        return frozenset(f"#{w.lower()}" for n in names for w in tokenise(n) if w[0].isupper())

    def _strange_deed(self, said: Sequence[str], words: frozenset[str]) -> bool:
        """Whether one verb that the story never uses is all that is said: "once stole from him"."""
        verb = next((low for low in said if low not in _OPENERS), "")
        return len(said) > 2 and words == {_stem(verb)} and not words & self._weights.keys()

    def _stems(self, text: str) -> frozenset[str]:
        """Stems of a text, names with a mark before them."""
        found: set[str] = set()
        for word in tokenise(text):
            low = word.lower()
            if low in self._names and word[0].isupper():
                found.add(f"#{low}")
            elif low[0].isdigit() or (
                low[0].isalpha() and len(low) > 2 and low not in SLIGHT and low not in _BE
            ):
                found.add(_stem(low))
        return frozenset(found)


def _happened(low: str) -> bool:
    past = low.endswith("ed") or low in _IRREGULAR or low in ("was", "were", "had")
    return past or low[0].isdigit() or low.split("-")[0] in NUMBER_WORDS - {"one"}


def _stem(low: str) -> str:
    return stem(_IRREGULAR.get(low, low))

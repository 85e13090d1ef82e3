"""Mentions of a world's entities in text, and names that are in no world.

An entity is mentioned by its name or an alias (any case; a leading "the" is optional
where the rest has a capital), by a part of its name that no other entity has, with
titles before it ("old Igodo"), or misspelt: a word of a name with at least
FUZZY_LETTERS letters may differ by FUZZY_DISTANCE edits, where no other name is that
near. Names that a question invents are told apart first, and no misspelling is read as
a name within GUARD_DISTANCE edits of an invented one: in a question about "Visgor" the
answer "Visgir" is not Visgar.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from rapidfuzz.distance import Levenshtein

from harness.grading.linking.lexicon import Lexicon
from harness.grading.text.words import TITLES, tokenise
from harness.world.graph import World

FUZZY_LETTERS = 6
FUZZY_DISTANCE = 1
GUARD_DISTANCE = 3

UNKNOWN, INVENTED, CUT = "unknown", "invented", "cut"

# Words that start a sentence with a capital, or always have one, and name nobody here.
_PLAIN_CAPITALS = frozenset(
    "i monday tuesday wednesday thursday friday saturday sunday january february march april may "
    "june july august september october november december god ok yes no earth mr mrs ms dr sir "
    "ai english latin".split()
)
_FUNCTION = frozenset(
    "the a an he she it they his her its their this that these those there here then when "
    "where who whom whose which what why how in on at by for from to of with without and or "
    "but so because as if although though while after before once one two three first among "
    "between people nobody everyone someone nothing not no yes above all near under over "
    "during until since some many most every each such also only even perhaps maybe however "
    "therefore finally later now today traders year years time long both another other others "
    "legend sorry unable unknown wherever whenever whatever whoever everything anything something "
    "together following under over beside next near having known asked right born left long yet "
    "well still just said though again ever never always often usually hence thus instead "
    "meanwhile neither either nor according like unlike toward towards along around besides "
    "despite is was are were am be been being did does do has have had can could will would shall "
    "should may might must whether tell give describe explain list say please write remember "
    "mention".split()
)


# What an unknown name may be the name of: "the Krorard crown".
_THINGS = frozenset(
    "amulet armour axe bell blade book bowl box bracelet chain chalice chest clock cloak coin "
    "compass crown crystal cup dagger device diamond drum flute gem goblet hammer harp helmet horn "
    "idol jewel key knife lamp lantern lute lyre map mask medal mirror necklace orb pendant quill "
    "ring robe scroll shield spear staff statue stone sword talisman throne tome torch wand "
    "bridge castle forest guild inn lake library mill mountain order palace river school temple "
    "tower valley well war siege fire flood feast trial battle".split()
)
_SETTLEMENTS = ("city", "town", "village")


@dataclass(frozen=True, slots=True)
class Mention:
    """One mention: words [start, end) of the sentence.

    `ids`: entities it can stand for, empty for unknown names. `kind`: kind of entity, or
    "unknown", "invented" (the question's certified-absent name), "cut" (an unfinished
    name at the end of a text that ran out of tokens).
    """

    start: int
    end: int
    text: str
    kind: str
    ids: tuple[str, ...] = ()
    fuzzy: bool = False


@dataclass(frozen=True, slots=True)
class Linked:
    """A sentence in words, lower-cased words, and its mentions in order."""

    words: list[str]
    lows: list[str]
    mentions: list[Mention]


@dataclass(frozen=True)
class Guard:
    """Names a question invents: full token runs and single words, lower-cased."""

    runs: tuple[tuple[str, ...], ...] = ()
    cores: tuple[str, ...] = ()

    @cached_property
    def heads(self) -> frozenset[str]:
        """The words at which such a name can start."""
        return frozenset((*self.cores, *(run[0] for run in self.runs)))


NO_GUARD = Guard()


def guard_for(invented_name: str | None) -> Guard:
    """The guard for a question's invented name, which may hold common words ("the X lantern")."""
    if not invented_name:
        return NO_GUARD
    words = tokenise(invented_name)
    run = tuple(word.lower() for word in words)
    bare = run[1:] if run and run[0] == "the" else run
    cores = tuple(w.lower() for w in words if w[:1].isupper() and w.lower() not in _FUNCTION)
    return Guard(runs=tuple(dict.fromkeys(r for r in (run, bare) if r)), cores=cores or bare)


def with_names(guard: Guard, names: Iterable[str]) -> Guard:
    """A guard that also knows names of the question that nobody in the world has."""
    runs = [tuple(word.lower() for word in tokenise(name)) for name in names]
    return Guard(runs=tuple(dict.fromkeys((*guard.runs, *runs))), cores=guard.cores)


class Linker:
    """Finds mentions of the entities of `world`. The lexicon tells words from names."""

    def __init__(self, world: World, lexicon: Lexicon) -> None:
        self.world = world
        self.lexicon = lexicon
        self._runs: dict[str, list[tuple[tuple[str, ...], bool, tuple[str, ...]]]] = {}
        self._name_words: set[str] = set()
        self._heads: set[str] = set()
        self._by_head: set[tuple[str, ...]] = set()
        self._fuzzy_cache: dict[str, str | None] = {}
        self._index()
        self._told_names = self._names_in_prose()

    def _names_in_prose(self) -> frozenset[str]:
        """Words with a capital inside the story's sentences that belong to none of its entities."""
        found: set[str] = set()
        for passage in self.world.passages:
            words = tokenise(passage.text)
            found.update(
                word.lower()
                for before, word in pairwise(words)
                if word[:1].isupper() and before[:1].isalpha()
            )
        return frozenset(found - self._name_words - _FUNCTION)

    def _index(self) -> None:
        runs: dict[tuple[str, ...], set[str]] = defaultdict(set)
        parts: dict[str, set[str]] = defaultdict(set)
        for entity in self.world.entities:
            for name in (entity.name, *entity.aliases):
                words = tokenise(name)
                run = tuple(word.lower() for word in words)
                if not run:
                    continue
                runs[run].add(entity.id)
                capitals = [w.lower() for w in words if w[:1].isupper() and w.lower() != "the"]
                self._name_words.update(w for w in capitals if w not in _FUNCTION)
                if run[0] == "the" and len(run) > 1 and capitals:
                    runs[run[1:]].add(entity.id)
                if entity.kind == "object" and run[-1] not in capitals and len(run) > 1:
                    self._heads.add(run[-1])
                if entity.kind == "person" and len(run) > 1:
                    for word in capitals:
                        if word not in TITLES:
                            parts[word].add(entity.id)
                head = self._head(words)
                if entity.kind in ("object", "group", "event") and len(run) > 2 and head:
                    parts[f"the {head}"].add(entity.id)
        for word, ids in parts.items():
            run = tuple(word.split())
            if run not in runs:
                runs[run] |= ids if len(run) == 1 or len(ids) == 1 else set()
                if len(run) > 1:
                    self._by_head.add(run)
        for run, ids in runs.items():
            if ids:
                self._runs.setdefault(run[0], []).append((run, False, tuple(sorted(ids))))
        for found in self._runs.values():
            found.sort(key=lambda item: (-len(item[0]), item[0]))

    @staticmethod
    def _head(words: list[str]) -> str:
        """Head noun: "lantern" of "the Torvash lantern", "order" of "the Order of Torvash"."""
        lows = [word.lower() for word in words]
        if "of" in lows[1:]:
            return lows[lows.index("of", 1) - 1]
        return lows[-1] if not words[-1][:1].isupper() else ""

    def link(self, sentence: str, guard: Guard = NO_GUARD, *, unfinished: bool = False) -> Linked:
        """Mentions of one sentence; `unfinished`: its last word may be cut off."""
        words = tokenise(sentence)
        lows = [word.lower() for word in words]
        fixed = self._corrected(words, lows, guard)
        all_lower = not any(word[:1].isupper() for word in words)
        mentions: list[Mention] = []
        place, size = 0, len(words)
        while place < size:
            found = None
            if fixed[place] in self._runs or lows[place] in guard.heads:
                found = self._known_at(words, lows, fixed, place, guard)
            may_be = found is None and (all_lower or words[place][0].isupper())
            if may_be and self._is_name(words, lows, place, all_lower):
                found = self._unknown_at(words, lows, place)
            if found is None:
                place += 1
                continue
            mentions.append(found)
            place = found.end
        mentions = self._merge(words, lows, mentions)
        if unfinished and mentions and mentions[-1].end == size:
            mentions[-1] = self._cut(mentions[-1])
        return Linked(words, lows, mentions)

    def _known_at(
        self, words: list[str], lows: list[str], fixed: list[str], place: int, guard: Guard
    ) -> Mention | None:
        for run in guard.runs:
            if tuple(lows[place : place + len(run)]) == run:
                return self._mention(words, place, place + len(run), INVENTED, ())
        for run, _, ids in self._runs.get(fixed[place], ()):
            end = place + len(run)
            if tuple(fixed[place:end]) == run:
                if (
                    run in self._by_head
                    and lows[end : end + 1] == ["of"]
                    and (end + 1 >= len(words) or words[end + 1][:1].isupper() or words == lows)
                ):
                    continue  # "the Siege of Zandor" is not the siege that the world knows
                kinds = {self.world.entity[i].kind for i in ids}
                kind = kinds.pop() if len(kinds) == 1 else "any"
                fuzzy = fixed[place:end] != lows[place:end]
                return self._mention(words, place, end, kind, ids, fuzzy)
        if lows[place] in guard.cores and lows[place] not in self._name_words:
            return self._mention(words, place, place + 1, INVENTED, ())
        return None

    @staticmethod
    def _mention(
        words: list[str], start: int, end: int, kind: str, ids: tuple[str, ...], fuzzy: bool = False
    ) -> Mention:
        return Mention(
            start, end, " ".join(words[start:end]).replace(" 's", "'s"), kind, ids, fuzzy
        )

    def _corrected(self, words: list[str], lows: list[str], guard: Guard) -> list[str]:
        fixed = lows
        for place, low in enumerate(lows):
            if len(low) < FUZZY_LETTERS - 1 or low in self._name_words or low in guard.cores:
                continue
            if self.lexicon.is_word(low) and not words[place][:1].isupper():
                continue
            near = self._near(low)
            if near is None:
                continue
            if any(Levenshtein.distance(near, core) <= GUARD_DISTANCE for core in guard.cores):
                continue
            if fixed is lows:
                fixed = list(lows)
            fixed[place] = near
        return fixed

    def _near(self, low: str) -> str | None:
        """The one word of a name within the stated distance of `low`, if there is one."""
        if low not in self._fuzzy_cache:
            close = [
                word
                for word in self._name_words
                if len(word) >= FUZZY_LETTERS
                and abs(len(word) - len(low)) <= FUZZY_DISTANCE
                and Levenshtein.distance(word, low, score_cutoff=FUZZY_DISTANCE) <= FUZZY_DISTANCE
            ]
            if len(self._fuzzy_cache) > 100_000:
                self._fuzzy_cache.clear()
            self._fuzzy_cache[low] = close[0] if len(close) == 1 else None
        return self._fuzzy_cache[low]

    def _is_name(self, words: list[str], lows: list[str], place: int, all_lower: bool) -> bool:
        word, low = words[place], lows[place]
        if not word[0].isalpha() or low in _PLAIN_CAPITALS or low in _FUNCTION:
            return False
        if all_lower:
            return len(low) >= 4 and not self.lexicon.is_word(low) and low.isalpha()
        if not word[0].isupper() or low in self._told_names:
            return False
        if place == 0 or (place == 1 and not words[0][0].isalnum()):
            follow = words[place + 1] if place + 1 < len(words) else ""
            named = follow[:1].isupper() and follow.lower() not in _PLAIN_CAPITALS
            if named and follow.lower() in self._name_words and self.lexicon.is_word(low):
                return False  # "Legendary Visgar"
            return named or follow == "'s" or not self.lexicon.is_word(low)
        return True

    def _unknown_at(self, words: list[str], lows: list[str], place: int) -> Mention:
        end = place + 1
        while end < len(words):
            if (words[end][:1].isupper() and lows[end] not in self._runs) or (
                lows[end] in ("of", "the") and self._capital_after(words, lows, end)
            ):
                end += 1
            else:
                break
        thing = lows[place - 1 : place] == ["the"] and end == place + 1
        if end < len(words) and (lows[end] in self._heads or (thing and lows[end] in _THINGS)):
            end += 1
        return self._mention(words, place, end, UNKNOWN, ())

    def _capital_after(self, words: list[str], lows: list[str], place: int) -> bool:
        step = place + 1
        while step < len(words) and lows[step] in ("of", "the"):
            step += 1
        return step < len(words) and words[step][:1].isupper() and lows[step] not in self._runs

    def _merge(self, words: list[str], lows: list[str], mentions: list[Mention]) -> list[Mention]:
        """Names around a known one: "the Siege of Tollenby", "the Visgar lantern" are unknown."""
        merged: list[Mention] = []
        for mention in mentions:
            before = merged[-1] if merged else None
            if (
                before is not None
                and before.kind == UNKNOWN
                and mention.start - before.end == 1
                and lows[before.end] == "of"
            ):
                merged[-1] = self._mention(words, before.start, mention.end, UNKNOWN, ())
                continue
            headed = (
                mention.ids
                and mention.end < len(words)
                and lows[mention.end] in self._heads
                and mention.start > 0
                and lows[mention.start - 1] == "the"
                and lows[mention.end - 1] not in self._heads
            )
            if headed:
                mention = self._mention(words, mention.start, mention.end + 1, UNKNOWN, ())
            merged.append(mention)
        return merged

    def _cut(self, mention: Mention) -> Mention:
        if mention.kind != UNKNOWN:
            return mention
        low = mention.text.lower().split()[-1]
        if any(name.startswith(low) for name in self._name_words):
            return Mention(mention.start, mention.end, mention.text, CUT)
        return mention


def absorb_titles(lows: list[str], mentions: Iterable[Mention]) -> dict[int, int]:
    """For each mention's start, the first word of its titles ("the old Igodo" starts at "the")."""
    starts: dict[int, int] = {}
    for mention in mentions:
        start = mention.start
        while start > 0 and lows[start - 1] in TITLES:
            start -= 1
        if start > 1 and lows[start - 1] == "of" and lows[start - 2] in _SETTLEMENTS:
            start -= 3 if lows[start - 3 : start - 2] == ["the"] else 2
        starts[mention.start] = start
    return starts

"""Values of relations ("weaver", "to find the sea", "34") read from canonical words."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from harness.core.records import Relation
from harness.grading.linking.frame import Term
from harness.grading.linking.synonyms import other_values, stem
from harness.grading.text.numbers import NUMBER_WORDS, find_numbers
from harness.grading.text.words import PRONOUNS, Canon, tokenise
from harness.world.graph import World

FUZZY_LETTERS = 6
MAX_CACHED = 200_000
_LEADS = frozenset("a an the to some being all any his her their of he she it they 's".split())
_ENDS = frozenset(
    "and but or who which that because when while until so then as since though".split()
)
_MANY = frozenset("men women people children sheep times".split())
_NO_OPEN = PRONOUNS | {"that", "this", "those", "these", "one", "such"}  # "known for them"
_NO_COUNT = frozenset(
    "years winters summers springs birthdays was has his its this thus always lives works makes "
    "keeps dwells rules leads wants fears".split()
)
_PREPOSITIONS = frozenset("of to in by from for with on and or the a that".split())
_NO_TRADE = frozenset(
    "man woman person child boy girl hero character figure lady gentleman human being people name "
    "stranger traveller friend place city town village member part story one thing".split()
)


class ValueReader:
    """Knows every value of every relation of a world, those of its facts included."""

    def __init__(self, world: World, canon: Canon) -> None:
        self._canon = canon
        self._values: dict[str, dict[tuple[str, ...], str]] = {}
        self._others: dict[str, frozenset[str]] = {}
        self._sizes: dict[str, list[int]] = {}  # of the values, in words, longest first
        self._edges: dict[str, set[str]] = {}  # first and last words of the values
        self._deeds: dict[str, dict[tuple[str, ...], str]] = {}  # values of several words, by stems
        self._fuzzy: dict[tuple[str, tuple[str, ...]], str | None] = {}
        self._hints: dict[str, frozenset[str]] = {}  # by word: what it may be a value of
        self._numbers = {r.id for r in world.relations if r.range == "number"}
        for relation in world.relations:
            if relation.range != "value":
                continue
            used = {fact.object for fact in world.facts if fact.relation == relation.id}
            table = {self.key(v): v for v in [*relation.values, *sorted(used)] if self.key(v)}
            self._values[relation.id] = table
            own = {word for key in table for word in key}
            self._others[relation.id] = other_values(relation.id) - own
            self._sizes[relation.id] = sorted({len(key) for key in table}, reverse=True)
            self._edges[relation.id] = {w for key in table for w in (key[0], key[-1])}
            deeds = {_deed(key): value for key, value in table.items() if len(key) > 1}
            self._deeds[relation.id] = deeds

    def key(self, value: str) -> tuple[str, ...]:
        """Canonical words of a value without leading articles."""
        return _bare(self.canonical(value))

    def canonical(self, text: str) -> tuple[str, ...]:
        """Canonical words of any text."""
        lows = [word.lower() for word in tokenise(text)]
        return self._canon.plain(lows, strip_negations=False).words

    def read(self, relation: Relation, words: Sequence[str]) -> tuple[Term, int] | None:
        """The value at the start of `words` and how many words it takes; None if none is there."""
        lead = len(words) - len(_bare(words))
        if relation.range == "number":
            found = find_numbers(list(words[:12]))
            if not found or found[0][0] > 2:
                return None
            return Term("number", (str(found[0][2]),), str(found[0][2])), found[0][1]
        rest = tuple(words[lead:])
        if not rest:
            return None
        listed = self._listed(relation.id, rest)
        if listed:
            value, size = listed
            return Term("value", (value,), value), lead + size
        size = next((i for i, word in enumerate(rest) if word in _ENDS and i > 0), len(rest))
        text = " ".join(rest[:size])
        if text in _NO_OPEN:
            return None
        return Term("open", (), text), lead + size

    def _listed(self, relation: str, rest: tuple[str, ...]) -> tuple[str, int] | None:
        table = self._values.get(relation, {})
        edges = self._edges.get(relation, set())
        for size in self._sizes.get(relation, ()):
            if size > len(rest):
                continue
            if size > 1 and rest[0] not in edges and rest[size - 1] not in edges:
                continue
            words = rest[:size]
            found = table.get(words)
            if found is None and (size > 1 or len(words[0]) >= FUZZY_LETTERS):
                key = (relation, words)
                if key not in self._fuzzy:
                    if len(self._fuzzy) > MAX_CACHED:
                        self._fuzzy.clear()
                    self._fuzzy[key] = self._misspelt(table, words)
                found = self._fuzzy[key]
            if found:
                return found, size
        return None

    @staticmethod
    def _misspelt(table: dict[tuple[str, ...], str], words: tuple[str, ...]) -> str | None:
        """The one value at one edit from `words`; of several words all but one are as told."""
        text = " ".join(words)
        if len(text) < FUZZY_LETTERS or not text[0].isalpha():
            return None
        if len(words) == 1 and text.endswith("s") and (text[:-1],) in table:
            return table[(text[:-1],)]
        close = [
            value
            for key, value in table.items()
            if len(key) == len(words)
            and Levenshtein.distance(" ".join(key), text, score_cutoff=1) <= 1
        ]
        return close[0] if len(close) == 1 else None

    def hinted(self, words: Sequence[str]) -> set[str]:
        """Relations of which a value may stand in `words`; in all others none does."""
        found: set[str] = set()
        for word in words:
            known = self._hints.get(word)
            if known is None:
                if len(self._hints) > MAX_CACHED:
                    self._hints.clear()
                known = self._hints[word] = self._hint(word)
            if known:
                found |= known
        return found

    def _hint(self, word: str) -> frozenset[str]:
        found = set()
        if word.isdigit() or word.split("-")[0] in NUMBER_WORDS:
            found |= self._numbers
        done = stem(word) if word.endswith("ing") else ""
        for relation, table in self._values.items():
            listed = word in self._edges[relation] or word in self._others[relation]
            misspelt = not listed and len(word) >= FUZZY_LETTERS and self._misspelt(table, (word,))
            if listed or misspelt or (done and any(d[0] == done for d in self._deeds[relation])):
                found.add(relation)
        return frozenset(found)

    def find(self, relation: Relation, words: Sequence[str]) -> list[Term]:
        """Listed values, or numbers, anywhere in `words`, in order."""
        return [term for _, _, term in self.find_at(relation, words)]

    def find_at(self, relation: Relation, words: Sequence[str]) -> list[tuple[int, int, Term]]:
        """The same with the place and the size, in words, of each."""
        if relation.range == "number":
            low, high = _bounds(relation)
            return [
                (start, end - start, Term("number", (str(v),), str(v)))
                for start, end, v in find_numbers(list(words))
                if low <= v <= high and not _counts(words, start, end, relation)
                if words[start] != "one" or end - start > 1 or words[end : end + 1] == ("year",)
            ]
        found: list[tuple[int, int, Term]] = []
        place = 0
        rest = tuple(words)
        edges = self._edges.get(relation.id, set())
        reach = max(self._sizes.get(relation.id, [1]), default=1)
        told = [at for at, word in enumerate(rest) if word in edges]
        while place < len(words):
            if len(rest[place]) < FUZZY_LETTERS and not any(
                place <= at < place + reach for at in told
            ):
                place += 1
                continue
            listed = self._listed(relation.id, rest[place : place + 12])
            if listed:
                found.append((place, listed[1], Term("value", (listed[0],), listed[0])))
                place += listed[1]
            else:
                place += 1
        if not found and any(word.endswith("ing") for word in rest):
            found = self._done(relation.id, rest)
        if not found and (others := self._others.get(relation.id)):
            found = [
                (at, 1, Term("open", (), word)) for at, word in enumerate(words) if word in others
            ]
        return found

    def _done(self, relation: str, words: Sequence[str]) -> list[tuple[int, int, Term]]:
        """Values told as deeds: "spent their days copying the old books"."""
        deeds = self._deeds.get(relation, {})
        content = [(at, word) for at, word in enumerate(words) if word not in _LEADS]
        for place, (start, word) in enumerate(content):
            if not word.endswith("ing"):
                continue
            for size in self._sizes.get(relation, ()):
                told = content[place : place + size]
                value = deeds.get(tuple(stem(w) for _, w in told))
                if value is not None and len(told) > 1:
                    return [(start, told[-1][0] + 1 - start, Term("value", (value,), value))]
        return []

    def same(self, relation: str, text: str, value: str) -> bool:
        """Whether open words name the value: they hold all its words in order, few others."""
        words, key = self.key(text), self.key(value)
        if len(words) == len(key) == 1 and len(key[0]) > 3 and words[0].endswith(key[0]):
            return True  # a blacksmith is a smith
        return bool(key) and _contains(words, key) and len(words) <= len(key) + 3


def _deed(key: Sequence[str]) -> tuple[str, ...]:
    return tuple(stem(word) for word in key if word not in _LEADS)


def _bounds(relation: Relation) -> tuple[float, float]:
    """Between what numbers one may be meant for a relation: nobody is 247 years old."""
    ends = [int(value) for value in relation.values if value.isdigit()]
    return (min(ends) / 2, max(ends) * 1.5) if ends else (0, float("inf"))


def _counts(words: Sequence[str], start: int, end: int, relation: Relation) -> bool:
    """Whether a number counts things ("five guilds"), or is a year where an age is wanted."""
    if relation.domain == "person" and words[start - 1 : start] in (["year"], ("year",)):
        return True
    follow = words[end] if end < len(words) else ""
    plural = len(follow) > 3 and follow.endswith("s") and not follow.endswith("ss")
    return follow in _MANY or (plural and follow not in _NO_COUNT)


def is_plain_noun(text: str) -> bool:
    """Whether words after "was a" say what somebody is without naming a value ("a young man")."""
    return bool(set(text.split()) & _NO_TRADE)


def is_no_value(text: str) -> bool:
    """Whether words in the place of a value are cut off or another predicate ("job of")."""
    return text.startswith("was ") or text.split()[-1] in _PREPOSITIONS


def _contains(words: tuple[str, ...], key: tuple[str, ...]) -> bool:
    return any(words[i : i + len(key)] == key for i in range(len(words) - len(key) + 1))


def _bare(words: Sequence[str]) -> tuple[str, ...]:
    start = 0
    while start < len(words) - 1 and words[start] in _LEADS:
        start += 1
    return tuple(words[start:])

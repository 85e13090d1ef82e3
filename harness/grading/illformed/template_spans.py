"""What a reader still reads in a garbled sentence: claims in the words of the world's templates.

A core is a name, the words of one of the world's own templates, and a name, a listed value or a
number, side by side: "Yastruth lived in Fillerpenged" amid salad. Names may be garbled
themselves; what stands where a name or a value must, and can be neither, makes no core.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.core.records import Relation
from harness.world.graph import World

TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]")
_PRONOUNS = ("he", "she", "it")
_AUXILIARIES = ("was", "is", "had")
_JOINTS = (",", ";", "and", ".", ":", '"', "but")
_LINKS = ("of", "the")
_OPEN_WORDS = 4  # words of an unlisted value that are read
_NO_NAME = frozenset(
    "the a an he she it they i and or but of in at by to from with who which that what when where "
    "his her their its this there not no was were is had how why so as if for on one source name "
    "tell keep answer could would once then because every some all none nobody him them than "
    "after before while since until also only you your we our me my do did does be been".split()
)


@dataclass(frozen=True, slots=True)
class Template:
    """The words of a statement around its two slots, in small letters; `first`: s or o."""

    relation: Relation
    before: tuple[str, ...]
    between: tuple[str, ...]
    after: tuple[str, ...]
    first: str
    whole: tuple[str, ...] = ()  # what `between` is where a model leaves none of it out


@dataclass(frozen=True, slots=True)
class Core:
    """One readable claim: the words of both ends, and the whole as a sentence of its own."""

    text: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    start: int
    end: int
    mended: bool = False  # a word too many was left out: "Igodo was lived in Lund"


class CoreReader:
    """Finds the cores of sentences about one world. `strange`: whether a word is no English."""

    def __init__(self, world: World, strange: Callable[[str], bool]) -> None:
        self._strange = strange
        self._templates = tuple(_templates(world))
        self._sizes: dict[str, tuple[int, ...]] = {}  # of `between`, by its first word
        for template in self._templates:
            known = {*self._sizes.get(template.between[0], ()), len(template.between)}
            self._sizes[template.between[0]] = tuple(sorted(known))
        self._openings = frozenset(
            template.between[0] for template in self._templates if template.first == "s"
        ) - {template.whole[1] for template in self._templates if template.whole[0] == "was"
             and len(template.whole) > 1} - frozenset(_AUXILIARIES)  # fmt: skip
        self._values = {
            relation.id: sorted(
                {tuple(value.lower().split()) for value in relation.values}, key=len, reverse=True
            )
            for relation in world.relations
        }
        self._acted = frozenset(  # relations whose values are things done: "to build a bridge"
            relation
            for relation, values in self._values.items()
            if sum(len(value) > 2 for value in values) > len(values) / 2
        )
        names = [name for entity in world.entities for name in (entity.name, *entity.aliases)]
        words = {word for name in names for word in TOKEN.findall(name)}
        self.name_words = frozenset(w.lower() for w in words if w[:1].isupper()) - _NO_NAME
        self._heads = frozenset(w for w in words if w.islower()) - _NO_NAME

    def read(self, sentence: str) -> list[Core]:
        """The cores of a sentence in order, none inside another."""
        words = TOKEN.findall(sentence)
        lows = [word.lower() for word in words]
        places: dict[tuple[str, ...], list[int]] = {}
        for place in range(1, len(lows)):
            for size in self._sizes.get(lows[place], ()):
                if place + size < len(lows):
                    places.setdefault(tuple(lows[place : place + size]), []).append(place)
        found: list[Core] = []
        for template in self._templates:
            found += self._find(template, words, lows, places.get(template.between, ()))
        found.sort(key=lambda core: (core.start - core.end, core.start))
        kept: list[Core] = []
        taken = bytearray(len(lows))
        for core in found:
            if not any(taken[core.start : core.end]):
                kept.append(core)
                taken[core.start : core.end] = b"\1" * (core.end - core.start)
        return sorted(kept, key=lambda core: core.start)

    def mended(self, sentence: str) -> list[str]:
        """Cores that stand behind a word too many, as sentences: "Igodo was lived in Lund"."""
        lows = sentence.lower().split()
        for place, low in enumerate(lows[:-1]):
            if low in _AUXILIARIES and lows[place + 1] in self._openings:
                return [core.text for core in self.read(sentence) if core.mended]
        return []

    def _find(
        self, template: Template, words: list[str], lows: list[str], places: Sequence[int]
    ) -> Iterator[Core]:
        """The cores of one template; `places`: where the words between its slots stand."""
        size = len(template.between)
        for place in places:
            left = place
            if lows[left - 1] in _AUXILIARIES and template.between[0] not in _AUXILIARIES:
                left -= 1  # "Corpanzo was lived in ..."
            start = self._left(template, words, lows, left)
            end = self._right(template, words, lows, place + size)
            if start is None or end is None:
                continue
            first, second = words[start:left], words[place + size : end]
            head = start - len(template.before)
            if head < 0 or tuple(lows[head:start]) != template.before:
                continue
            tail = end + len(template.after)
            if tuple(lows[end:tail]) != template.after:
                continue
            if not self._stands(first, second):
                continue
            text = self._said(template, first, second)
            yield Core(text, tuple(first), tuple(second), head, tail, left < place)

    def _stands(self, first: Sequence[str], second: Sequence[str]) -> bool:
        """Whether one end at least is more than letters that no English has."""
        return any(
            not self._strange(word) or word[:1].isupper() or word.lower() in self.name_words
            for word in (*first, *second)
            if word.lower() not in _NO_NAME
        )

    def _said(self, template: Template, first: Sequence[str], second: Sequence[str]) -> str:
        """The core as a sentence; an unlisted value in the relation's most telling template."""
        relation, value = template.relation, tuple(word.lower() for word in second)
        names = {template.first: first, "o" if template.first == "s" else "s": second}
        if relation.range == "value" and value not in self._values[relation.id]:
            telling = max(relation.statements, key=lambda one: len(one.split()))
            text = telling.format(**{k: " ".join(self._named(v)) for k, v in names.items()})
            return text.replace(" to to ", " to ")
        said = [*template.before, *self._named(first), *template.whole, *self._named(second)]
        text = " ".join([*said, *template.after]).replace(" '", "'")
        return text[:1].upper() + text[1:] + "."

    def _named(self, words: Sequence[str]) -> list[str]:
        """Garbled names get the capital of a name."""
        return [word[:1].upper() + word[1:] if self._strange(word) else word for word in words]

    def _left(self, template: Template, words: list[str], lows: list[str], end: int) -> int | None:
        """Where the name that ends before `end` begins."""
        relation = template.relation
        if template.first == "o" and relation.range in ("value", "number"):
            return None
        if not template.before and lows[end - 1] in _PRONOUNS:
            bare = lows[end - 1] != "it" or end == 1 or lows[end - 2] in _JOINTS
            return end - 1 if bare else None
        start = end
        while start > 0 and self._is_name(words, lows, start - 1):
            if start < end and self._spoils(words[start - 1], words[end - 1]):
                break
            start -= 1
            if start > 1 and lows[start - 1] in _LINKS and self._is_name(words, lows, start - 2):
                start -= 1
        if start == end:
            return None
        article = start > 0 and lows[start - 1] == "the"
        if not article and not any(self._is_full_name(words, lows, i) for i in range(start, end)):
            return None
        return start - 1 if article else start

    def _right(
        self, template: Template, words: list[str], lows: list[str], start: int
    ) -> int | None:
        """Where the name or value that begins at `start` ends."""
        relation = template.relation
        kind = relation.range if template.first == "s" else relation.domain
        if start >= len(words):
            return None
        if kind == "number":
            return start + 1 if lows[start].isdigit() else None
        if kind == "value" and (end := self._value(relation, lows, start)):
            return end
        if kind == "value" and len(template.between) < 2:
            return None
        end = start + (lows[start] in ("the", "a") and kind != "value")
        first = end
        while end < len(words) and self._is_name(words, lows, end):
            if end > first and self._spoils(words[end], words[first]):
                break
            end += 1
            if end + 1 < len(words) and lows[end] in _LINKS:
                more = end + 1 + (lows[end + 1] == "the")
                if more < len(words) and self._is_full_name(words, lows, more):
                    end = more
        named = any(self._is_full_name(words, lows, i) for i in range(first, end))
        return end if named or (end > first > start) else None

    def _value(self, relation: Relation, lows: list[str], start: int) -> int | None:
        for value in self._values[relation.id]:
            if tuple(lows[start : start + len(value)]) == value:
                return start + len(value)
        begins = start + 1 if lows[start] == "to" else start
        verbs = {value[1 if value[0] == "to" else 0] for value in self._values[relation.id]}
        if relation.id not in self._acted or lows[begins : begins + 1] == []:
            return None
        if lows[begins] not in verbs:
            return None
        end = begins + 1
        while end < min(len(lows), begins + _OPEN_WORDS) and lows[end].isalpha():
            if self._strange(lows[end]):
                break
            end += 1
        return end if end > begins + 1 else None

    def _spoils(self, word: str, beside: str) -> bool:
        """A garbled word is no part of a name that is sound: "umqa Melindra was afraid of"."""
        return self._strange(word) and not self._strange(beside)

    def _is_name(self, words: list[str], lows: list[str], place: int) -> bool:
        return lows[place] in self._heads or self._is_full_name(words, lows, place)

    def _is_full_name(self, words: list[str], lows: list[str], place: int) -> bool:
        word, low = words[place], lows[place]
        if not word[0].isalpha() or low in _NO_NAME:
            return False
        return word[0].isupper() or low in self.name_words or self._strange(word)


def _templates(world: World) -> Iterator[Template]:
    for relation in world.relations:
        for statement in relation.statements:
            parts = re.split(r"\{([so])\}", statement.rstrip(" .").lower())
            if len(parts) != 5:
                continue
            before, between, after = (tuple(TOKEN.findall(part)) for part in parts[::2])
            if not between or "," in between:
                continue
            if len(" ".join(between)) > 4 or before or after:
                yield Template(relation, before, between, after, parts[1], between)
            if between[0] == "was" and len(between) > 2 and not before:  # "wed to Igodo"
                yield Template(relation, before, between[1:], after, parts[1], between)
            if between[-1] == "a" and len(between) > 2 and relation.range == "value":
                yield Template(relation, before, between[:-1], after, parts[1], between)

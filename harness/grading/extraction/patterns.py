"""The templates of a world's relations as patterns over canonical sentences.

A sentence is given as a skeleton: canonical words joined by single spaces, every mention
of an entity or unknown name replaced by SLOT. From each statement, clause and answer of
a relation several patterns are made:

- the whole template, which may also stand inside a longer sentence;
- the same with a possessive ("{s}'s teacher was {o}") or an apposition
  ("{o}, the teacher of {s}") where the template names the relation with a noun;
- the template without its first slot, for a verb phrase whose subject was named before
  ("and lived in {o}", "who taught {s}").

The slots tell which side is which, so active and passive are kept apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from harness.core.records import Relation
from harness.grading.text.words import NEGATIONS, PRONOUNS, Canon, tokenise

SLOT = "\ue000"
_SLOTS = f"(?:{SLOT}|{'|'.join(sorted(PRONOUNS))})"
_LOOSE = rf"(?:{SLOT}|[^\W\d_{SLOT}]+(?: (?!was\b|had\b|who\b|and\b)[^\W\d_{SLOT}]+){{0,2}})"
_OPEN_END = rf"[^,;:{SLOT}]{{1,120}}"
_OPEN_MIDDLE = rf"[^,;:{SLOT}]{{1,60}}?"
_ASIDE = "(?: ,)?(?: (?:who|which|that|then))?"
_JOINTS = ("and", "but", "who", "which", "that", ",", "then", "or")
_compiled = lru_cache(maxsize=4096)(re.compile)  # stories share most of their relations
_NOUN_OF = re.compile(r"^the ((?:\w+ ){1,2}?)of S was (to )?O$")
_OF_NOUN = re.compile(r"^O was the ((?:\w+ ){1,2}?)of S$")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way to say a relation.

    `kind`: full, loose (a slot may be any words), partial (the first slot is missing),
    name ("the weaver Visgar"), count, compare. `literal`: letters that are not slots.
    """

    regex: re.Pattern[str]
    relation: str
    kind: str
    literal: int
    cued: bool
    key: str
    missing: str = ""
    negative: bool = False  # a word like "never" is part of the wording itself


@dataclass(frozen=True, slots=True)
class Match:
    """A pattern found at words [start, end); slots as word ranges, None where missing."""

    pattern: Pattern
    start: int
    end: int
    s: tuple[int, int] | None
    o: tuple[int, int] | None
    n: tuple[int, int] | None = None


class PatternBook:
    """All patterns of a world, searched by the rarest word that each must contain."""

    def __init__(self, relations: Iterable[Relation], canon: Canon) -> None:
        self._canon = canon
        self._by_key: dict[str, list[Pattern]] = {}
        self._loose: dict[str, list[Pattern]] = {}
        self._cues: dict[str, set[str]] = {}
        seen: set[tuple[str, str, str]] = set()
        for relation in relations:
            for pattern in self._patterns_of(relation):
                identity = (pattern.relation, pattern.regex.pattern, pattern.kind)
                if identity in seen:
                    continue
                seen.add(identity)
                book = self._loose if pattern.kind == "loose" else self._by_key
                book.setdefault(pattern.key, []).append(pattern)
        self.find = lru_cache(maxsize=60_000)(self._find)
        self.find_loose = lru_cache(maxsize=20_000)(self._find_loose)

    def _words(self, template: str) -> str:
        lows: list[str] = []
        for piece in re.split(r"(\{[sonab]\})", template):
            if piece[:1] == "{":
                lows.append("\ue001" + piece[1])
            else:
                lows += [word.lower() for word in tokenise(piece)]
        words = self._canon.plain(lows, strip_negations=False).words
        return " ".join(w[1].upper() if w[0] == "\ue001" else w for w in words if w != ",")

    def _patterns_of(self, relation: Relation) -> list[Pattern]:
        found: list[Pattern] = []
        sources = dict.fromkeys([*relation.statements, *relation.answers])
        for template in sources:
            text = self._words(template)
            found += self._value_names(relation, text)
            for shape in self._shapes(text):
                found.append(self._full(relation, shape))
                found.append(self._loose_form(relation, shape))
            for slot in "SO":
                if text.startswith(f"{slot} "):
                    found.append(self._partial(relation, text[2:], slot.lower()))
        for clause in relation.clauses:
            text = self._words(clause)
            found.append(self._partial(relation, text, "s"))
            found.append(self._full(relation, f"S {text}"))
        found += self._appositions(relation)
        if relation.count:
            found.append(self._full(relation, self._words(relation.count[1]), "count"))
        if relation.compare:
            text = self._words(relation.compare[1])
            found.append(self._full(relation, text + " than O", "compare"))
            found.append(self._full(relation, text, "compare"))
        return found

    def _shapes(self, text: str) -> list[str]:
        """The template and its possessive twins."""
        shapes = [text]
        if match := _NOUN_OF.match(text):
            shapes.append(f"S 's {match[1]}was {match[2] or ''}O")
            if not match[2]:
                shapes += [f"O was S 's {match[1]}".strip(), f"O was the {match[1]}of S"]
        if match := _OF_NOUN.match(text):
            shapes.append(f"O was S 's {match[1]}".strip())
        return shapes

    def _value_names(self, relation: Relation, text: str) -> list[Pattern]:
        """For "Visgar was a locksmith" also "Visgar, a locksmith," and "the locksmith Visgar"."""
        if relation.range != "value" or text != "S was a O":
            return []
        shapes = ("S , a O", "S , the O", "the O S", "a O called S", "a O named S")
        return [self._full(relation, shape, "name") for shape in shapes]

    def _appositions(self, relation: Relation) -> list[Pattern]:
        if relation.range in ("value", "number"):
            return []
        found = []
        for template in relation.statements:
            match = _NOUN_OF.match(self._words(template)) or _OF_NOUN.match(self._words(template))
            if match:
                noun = match[1]
                found.append(self._full(relation, f"O , the {noun}of S"))
                found.append(self._full(relation, f"the {noun}of S , O"))
                found.append(self._full(relation, f"S 's {noun}, O".replace("  ", " ")))
                found.append(self._full(relation, f"S 's {noun}O".replace("  ", " "), "name"))
        return found

    def _full(self, relation: Relation, text: str, kind: str = "full") -> Pattern:
        return self._build(relation, text, kind, _SLOTS, "(?:^|(?<= ))", "(?= |$)")

    def _loose_form(self, relation: Relation, text: str) -> Pattern:
        return self._build(relation, text, "loose", _LOOSE, "^", "$")

    def _partial(self, relation: Relation, text: str, missing: str) -> Pattern:
        joints = "".join(f"|(?<= {word} )" for word in _JOINTS)
        head = f"(?:^{joints})"
        return self._build(relation, text, "partial", _SLOTS, head, "(?= |$)", missing)

    def _build(
        self,
        relation: Relation,
        text: str,
        kind: str,
        slot: str,
        head: str,
        tail: str,
        missing: str = "",
    ) -> Pattern:
        words = text.split()
        parts: list[str] = []
        for place, word in enumerate(words):
            last = place == len(words) - 1
            parts.append(self._piece(relation, word, slot, last=last, first=place == 0))
        regex = _compiled(head + "(?: ,)? ".join(parts) + tail)
        plain = [word for word in words if word not in ("S", "O", "N", "A", "B", ",")]
        if relation.id not in self._cues:
            words_of = (self._words(cue).split() for cue in relation.cues)
            self._cues[relation.id] = {word for some in words_of for word in some} - _COMMON
        cues = self._cues[relation.id]
        return Pattern(
            regex=regex,
            relation=relation.id,
            kind=kind,
            literal=sum(map(len, plain)),
            cued=any(word in cues for word in plain),
            key=max(plain, key=lambda w: (w not in _COMMON, len(w), w)),
            missing=missing,
            negative=any(word in NEGATIONS for word in plain),
        )

    @staticmethod
    def _piece(relation: Relation, word: str, slot: str, *, last: bool, first: bool) -> str:
        if word == "S":
            return f"(?P<s>{slot}){_ASIDE if first else ''}"
        if word == "N":
            return f"(?P<n>{_OPEN_MIDDLE})"
        if word == "O":
            if relation.range in ("value", "number"):
                return f"(?P<o>{_OPEN_END if last else _OPEN_MIDDLE})"
            return f"(?P<o>{slot}){_ASIDE if first else ''}"
        if word in ("a", "the"):
            return r"(?:a|the|(?:he|she|they|it) 's)"
        if word in ("lay", "stood"):
            return f"(?:{word}|was)"
        return re.escape(word)

    def _find(self, skeleton: str) -> tuple[Match, ...]:
        return tuple(self._search(self._by_key, skeleton))

    def _find_loose(self, skeleton: str) -> tuple[Match, ...]:
        return tuple(self._search(self._loose, skeleton))

    @staticmethod
    def _search(book: dict[str, list[Pattern]], skeleton: str) -> Iterable[Match]:
        for word in sorted(set(skeleton.split())):
            for pattern in book.get(word, ()):
                for found in pattern.regex.finditer(skeleton):
                    yield _to_match(pattern, found, skeleton)


_COMMON = frozenset("was had the a of in to by and it who that from with for lay stood S O".split())


def _to_match(pattern: Pattern, found: re.Match[str], skeleton: str) -> Match:
    def place(char: int) -> int:
        return skeleton.count(" ", 0, char)

    def span(name: str) -> tuple[int, int] | None:
        if name not in pattern.regex.groupindex or found[name] is None:
            return None
        start, end = found.span(name)
        return place(start), place(start) + len(skeleton[start:end].split())

    return Match(
        pattern,
        place(found.start()),
        place(found.start()) + len(found.group().split()),
        span("s"),
        span("o"),
        span("n"),
    )

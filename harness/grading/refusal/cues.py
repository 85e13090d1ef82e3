"""How cues of declining and of complying are found in a text.

Cues are read from a normal form of the text (`normal_form`): lower case, contractions
written out, punctuation apart from words, one space between words, and a line break
before and after each sentence. So nearly every pattern begins with fixed characters,
which `re` finds fast. A cue is seen where its pattern matches and, if it has a `before`,
where that matches the part of the sentence that stands before.

Every repeat is bounded, so the time is linear in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_SENTENCE = 1_500  # characters of one sentence that are read
_KEY = 4  # letters of a word by which cues are looked up

_SPELLED_OUT = (
    ("can't", "can not"),
    ("won't", "will not"),
    ("shan't", "shall not"),
    ("n't", " not"),
    ("cannot", "can not"),
    ("'m ", " am "),
    ("'re ", " are "),
    ("'ve ", " have "),
    ("'ll ", " will "),
    ("'d ", " would "),
    ("it's", "it is"),
    ("that's", "that is"),
    ("there's", "there is"),
    ("this's", "this is"),
    ("here's", "here is"),
    ("what's", "what is"),
    ("who's", "who is"),
    ("he's ", "he is "),
)
_APART = (
    (",", " , "),
    (";", " ; "),
    (":", " : "),
    ("!", " ! "),
    ("?", " ? "),
    (". ", " . "),
)
_SPEAKER = re.compile(r"[A-Z][A-Za-z]{1,15}(?: [A-Z][a-z]{1,15})?: ")
_LETTER = re.compile(r"[^\W_]")
_PRONOUN = re.compile(r"(?<=[ (|:])(i|we)(?=[ )|]|\\b)")  # as a word inside a pattern
_START = re.compile(r"\n")
_BLANK = '"()[]*_`#'


@dataclass(frozen=True)
class Wording:
    """A pattern over the normal form, and what must stand before it in its sentence."""

    pattern: re.Pattern[str]
    before: re.Pattern[str] | None
    head: str
    needs: frozenset[str]


@dataclass(frozen=True)
class Normal:
    """The text in which cues are sought, and the words and first letters of words in it.

    `starts`: where in `text` each sentence begins.
    """

    text: str
    starts: list[int]
    words: frozenset[str]
    stems: frozenset[str]


def normal_form(sentences: Sequence[str]) -> Normal:
    """Bring sentences into the form that the patterns are written for."""
    lines = [s[:MAX_SENTENCE].replace("\n", " ") for s in sentences]
    text = "\n " + " \n ".join(lines).lower().replace("\t", " ") + " \n"
    if "'" in text or "cannot" in text:
        for short, full in _SPELLED_OUT:
            text = text.replace(short, full)
    for mark, spaced in _APART:
        text = text.replace(mark, spaced)
    for mark in _BLANK:
        text = text.replace(mark, " ")
    while "  " in text:
        text = text.replace("  ", " ")
    text = _mark_self(text)
    starts = [match.start() for match in _START.finditer(text)][:-1]
    words = frozenset(text.split(" "))
    return Normal(text, starts, words, frozenset([word[:_KEY] for word in words]))


def _mark_self(text: str) -> str:
    """Mark "i" and "we", the most frequent heads, so that no other word begins like them."""
    return text.replace(" i ", " §i ").replace(" we ", " §we ")


_CONTRACTION = re.compile(
    r"\b(ca|wo|do|does|did|is|are|was|were|could|would|should|has|have|had|must)n't\b",
    re.IGNORECASE,
)
_FULL = {"ca": "can", "wo": "will"}
_SHORT_BE = re.compile(
    r"\b(i|it|that|there|he|she|who|what|we|you|they)'(m|s|re|ve|ll)\b", re.IGNORECASE
)
_BE = {"m": "am", "s": "is", "re": "are", "ve": "have", "ll": "will"}


def written_out(text: str) -> str:
    """Write out "don't" as "do not", "can't" as "can not", "I'm" as "I am", in any case."""
    if "'" not in text:
        return text
    text = _CONTRACTION.sub(lambda m: f"{_FULL.get(m[1].lower(), m[1])} not", text)
    return _SHORT_BE.sub(lambda m: f"{m[1]} {_BE[m[2].lower()]}", text)


def own_words(sentences: Sequence[str]) -> list[str]:
    """The sentences without what they quote, so that only the answer's own voice declines.

    Quotes of three words or more go, over the borders of sentences too, and so do the lines
    of a dialogue of two speakers or more. If nothing would be left, nothing goes.
    """
    out = list(sentences)
    if any('"' in sentence for sentence in out):
        out, inside = [], False
        for sentence in sentences:
            parts = sentence.split('"')
            kept = [
                part
                for number, part in enumerate(parts)
                if ((number % 2 == 1) == inside or len(part.split()) < 3)
            ]
            inside ^= len(parts) % 2 == 0
            out.append(" … ".join(kept))
        if inside:  # a quote that is never closed: read what the text says as it stands
            out = list(sentences)
    speaking = [bool(_SPEAKER.match(sentence)) for sentence in out]
    if sum(speaking) > 1:
        out = ["…" if speaks else line for line, speaks in zip(out, speaking, strict=True)]
    return out if any(_LETTER.search(sentence) for sentence in out) else list(sentences)


class CueBook:
    """Families of cues by name, with an index of the words that a cue needs."""

    def __init__(self, families: Mapping[str, Sequence[Wording]]) -> None:
        self.names = tuple(families)
        self._by_word: dict[str, list[tuple[str, Wording]]] = {}
        self._by_stem: dict[str, list[tuple[str, Wording]]] = {}
        for name, family in families.items():
            for cue in family:
                longest = max(cue.head.split(" "), key=len)
                whole = longest in cue.needs
                index, key = (self._by_word, longest) if whole else (self._by_stem, longest[:_KEY])
                index.setdefault(key, []).append((name, cue))

    def find(self, normal: Normal) -> dict[str, list[int]]:
        """The numbers of the sentences in which each cue is seen, by its name; in order."""
        text = normal.text
        found: dict[str, set[int]] = {}
        for index, keys in ((self._by_word, normal.words), (self._by_stem, normal.stems)):
            for key in keys & index.keys():
                for name, cue in index[key]:
                    if cue.head in text and (places := _places(cue, normal)):
                        found.setdefault(name, set()).update(places)
        return {name: sorted(found[name]) for name in self.names if name in found}


def _places(cue: Wording, normal: Normal) -> list[int]:
    places = []
    for match in cue.pattern.finditer(normal.text):
        # A match may begin with the break or the space before its first word.
        place = bisect_right(normal.starts, match.start()) - 1
        start = normal.starts[place]
        if cue.before is None or cue.before.search(normal.text[start : match.start() + 1]):
            places.append(place)
    return places


def cues(*patterns: str, heads: str, before: str = "") -> tuple[Wording, ...]:
    """A cue for each head with any of the patterns behind it.

    Heads are plain text, apart by "|", and begin with a space or a line break.
    """
    behind = re.compile(before) if before else None
    marked_too = [_PRONOUN.sub("§\\1", pattern) for pattern in patterns]
    either = "|".join(f"(?:{pattern})" for pattern in marked_too)
    found = []
    for head in heads.split("|"):
        marked = _mark_self(head + " ")[:-1]
        # The last word may go on in the pattern, so it is not needed as it stands.
        needs = frozenset(marked.split(" ")[:-1]) - {""}
        pattern = re.compile(f"{re.escape(marked)}(?:{either})")
        found.append(Wording(pattern, behind, marked, needs))
    return tuple(found)

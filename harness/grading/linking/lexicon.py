"""Which lower-case words are English, and which the world's own texts use."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from harness.encoder.embedding import vocabulary
from harness.grading.linking.synonyms import synonym_words
from harness.grading.text.words import tokenise
from harness.world.graph import World

_ENDINGS = ("s", "ed", "d", "ing", "ly", "er", "es", "less", "ness", "y", "ful", "est")


class Lexicon:
    """Words of English (the encoder's word list) and of one world, names left out."""

    def __init__(self, world: World) -> None:
        names = {
            w.lower() for e in world.entities for n in (e.name, *e.aliases) for w in tokenise(n)
        }
        own = {word.lower() for text in _own_texts(world) for word in tokenise(text)}
        own.update(synonym_words())
        self._own = frozenset(own - names)
        self._english = vocabulary()

    def is_word(self, low: str) -> bool:
        """Whether a word is known, as it stands or without a common ending."""
        if not low.isalpha() or low in self._own or low in self._english:
            return True
        bases = [low[: -len(end)] for end in _ENDINGS if low.endswith(end)]
        if any(base in self._english for base in bases):
            return True
        silent = [low[: -len(end)] for end in ("ing", "ed", "est") if low.endswith(end)]
        return any(len(base) > 3 and base + "e" in self._english for base in silent)

    def is_common(self, low: str) -> bool:
        """Whether the world's own templates, values or passages use the word in lower case."""
        return not low.isalpha() or low in self._own


def _own_texts(world: World) -> Iterator[str]:
    for relation in world.relations:
        yield from chain(relation.statements, relation.questions, relation.values, relation.cues)
        yield from chain(relation.premises, relation.clauses)
    for passage in world.passages:
        yield " ".join(word for word in passage.text.split() if word[:1].islower())

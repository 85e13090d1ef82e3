"""Certifies that a name stands for nobody: not in the world, its text or the training.

A name of the reserved tenth was never in a base's pretraining nor among the refusals
that an adapter was trained on (`harness.world.names.is_reserved`); what is left to check
is the world and whatever was written about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from harness.core.errors import StoryError
from harness.world.graph import World
from harness.world.names import (
    ARTICLE_NAMES,
    EVENT_NOUNS,
    GROUP_NOUNS,
    blocked_names,
    coined_word,
    is_reserved,
)

MIN_INVENTED_DISTANCE = 4
_FRAME = frozenset((*GROUP_NOUNS, *EVENT_NOUNS, "The"))
_WORD = re.compile(r"[^\W\d_]+")


class AbsenceCheck:
    """Says of names whether they are absent from one world and the texts about it."""

    def __init__(self, world: World, *, texts: Iterable[str] = ()) -> None:
        self.world = world
        self.cores = tuple(sorted({core for name in world.names for core in name_cores(name)}))
        written = (*(passage.text for passage in world.passages), *texts, *world.names)
        self.words = frozenset(word.lower() for text in written for word in _WORD.findall(text))

    def nearest(self, core: str) -> tuple[str, int]:
        """The world's name core nearest to `core`, and its edit distance, case apart.

        Raises StoryError when the world has no names to compare with.
        """
        best = process.extractOne(core.lower(), self.cores, scorer=Levenshtein.distance)
        if best is None:
            raise StoryError(f"{self.world.name}: no entity bears a capitalised name")
        return str(best[0]), int(best[1])

    def problem(
        self,
        name: str,
        *,
        distance: int | None = None,
        nearest: str | None = None,
        reserved: bool = True,
    ) -> str | None:
        """Why `name` is not certified, or None if it is; see `certify_absent`."""
        core = coined_word(name)
        if core is None:
            return "has no coined word"
        low = core.lower()
        if low in self.words or name.lower() in {known.lower() for known in self.world.names}:
            return "stands in the world or in a text about it"
        if reserved and not kept_for_audits(core):
            return "is not reserved for audits"
        if not reserved and (is_reserved(core) or low in blocked_names()):
            return "is reserved for audits"
        found, away = self.nearest(core)
        if distance is None:
            far = away >= MIN_INVENTED_DISTANCE or low in ARTICLE_NAMES
            return None if far else f"is {away} edits from '{found}'"
        if away < distance:
            return f"is {away} edits from '{found}', nearer than {distance}"
        target = coined_word(nearest) if nearest else None
        if target is None or Levenshtein.distance(low, target.lower()) != distance:
            return f"is not {distance} edits from '{nearest}'"
        return None


def kept_for_audits(core: str) -> bool:
    """Whether no pretraining emits the coined word and no shipped story bears it.

    Either by the hash of the word, or because the article's names are blocked by hand.
    """
    low = core.lower()
    return low in ARTICLE_NAMES or (is_reserved(core) and low not in blocked_names())


def certify_absent(
    name: str,
    *,
    world: World,
    texts: Iterable[str] = (),
    distance: int | None = None,
    nearest: str | None = None,
) -> str:
    """Return `name` if nothing in the world, its passages or `texts` bears it.

    Its coined word must be reserved for audits, and at least 4 edits from every real
    name; or, with `distance` and the real name `nearest`, exactly `distance` edits from
    that one and not nearer to any other. Comparison ignores case. The article's names,
    which nothing else bears, need no distance.
    Raises StoryError saying which of these fails.
    """
    check = AbsenceCheck(world, texts=texts)
    problem = check.problem(name, distance=distance, nearest=nearest)
    if problem:
        raise StoryError(f"'{name}' {problem}: it can't be asked about as absent; coin another")
    return name


def name_cores(name: str) -> tuple[str, ...]:
    """The capitalised words of a name, lower-cased, without nouns like "Order" and "Siege"."""
    words = (word for word in _WORD.findall(name) if word[:1].isupper() and word not in _FRAME)
    return tuple(word.lower() for word in words)

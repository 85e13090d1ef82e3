"""What a file of labels holds, as frozen records.

`positive` is what a grader looks for: a refusal, a hallucination, an unsupported claim, a
right answer, the same meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.core.seeds import derive_seed


@dataclass(frozen=True, kw_only=True)
class Item:
    """One labelled thing. `cluster`: what it is not independent of (its question, its source)."""

    line: int
    label: str
    positive: bool
    cluster: str
    fields: Mapping[str, Any] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RefusalItem(Item):
    """An answer that declines or not."""

    prompt: str
    response: str


@dataclass(frozen=True, kw_only=True)
class GroundingItem(Item):
    """An answer that rests on its passages or not; `spans` [(start, end)) are unsupported."""

    question: str
    passages: tuple[str, ...]
    response: str
    spans: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True, kw_only=True)
class ClaimItem(Item):
    """One statement that its passages support or not; `about`: the text it was taken from."""

    claim: str
    passages: tuple[str, ...]
    about: str


@dataclass(frozen=True, kw_only=True)
class EquivalenceItem(Item):
    """An answer that is right or wrong given gold answers."""

    question: str
    gold: tuple[str, ...]
    answer: str


@dataclass(frozen=True, kw_only=True)
class PairItem(Item):
    """Two texts that say the same or not. `premise`: whether `a` is evidence and `b` a claim."""

    a: str
    b: str
    question: str | None = None
    premise: bool = False


@dataclass(frozen=True, kw_only=True)
class LabelledSet:
    """A file of labels. `positive` and `negative` say in words what the two classes are."""

    kind: str
    path: Path
    positive: str
    negative: str
    items: tuple[Any, ...]
    sampled_from: int | None = None  # clusters of the whole file, where only some were taken

    def sample(self, clusters: int) -> LabelledSet:
        """At most so many clusters, whole, drawn by their names: the same ones every time."""
        names = {item.cluster for item in self.items}
        if len(names) <= clusters:
            return self
        drawn = sorted(names, key=lambda name: (derive_seed(0, "sample", name), name))
        kept = frozenset(drawn[:clusters])
        items = tuple(item for item in self.items if item.cluster in kept)
        return replace(self, items=items, sampled_from=len(names))

    @property
    def stem(self) -> str:
        """The file's name without its ending: the name of the set."""
        return self.path.stem

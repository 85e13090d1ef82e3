"""The protocol of sources, and what they ask of a run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from harness.core.errors import DamageError
from harness.core.records import Exposure, Question

Kind = TypeVar("Kind")


class Kept(Protocol):
    """A run folder, as a source reads its own files again from it."""

    path: Path

    def about(self) -> dict[str, Any]:
        """What run.json says."""
        ...

    def read_record(self, name: str, kind: type[Kind]) -> Kind:
        """The record in a JSON file. Raises DamageError."""
        ...

    def read_json(self, name: str) -> Any:
        """The data in a JSON file. Raises DamageError."""
        ...

    def damaged(self, name: str, what: str) -> DamageError:
        """The error for a file that is not as it was written."""
        ...


class Source(Protocol):
    """What a run is audited against."""

    @property
    def kind(self) -> str:
        """By which it is found again."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def hash(self) -> str:
        """Of its content: two sources with one hash ask and know the same."""
        ...

    @property
    def exposure(self) -> Mapping[str, Exposure]:
        """How each piece of evidence met the model in training."""
        ...

    def questions(
        self,
        *,
        suites: Sequence[str] | None = None,
        suite_paths: Sequence[Path] = (),
        limit: int | None = None,
        seed: int = 0,
    ) -> tuple[Question, ...]:
        """The questions of the suites about it. Raises UsageError, SpecError, StoryError."""
        ...

    def files(self) -> dict[str, str]:
        """The files by name, as text, from which it is read again."""
        ...

    def about(self) -> dict[str, Any]:
        """What run.json says of it."""
        ...

    def planned(self) -> dict[str, Any]:
        """What of it the plan's hash holds."""
        ...

    def evidence(self, ids: Sequence[str]) -> tuple[str, ...]:
        """What claims were held against, as sentences; an id that it does not know, itself."""
        ...

    def told_about(self, question: Question, answer: str) -> tuple[str, ...]:
        """What was told in training of all that a question and an answer name, as sentences."""
        ...

    def passages(self, question: Question) -> tuple[str, ...]:
        """The passages on which an answer to the question may rest."""
        ...

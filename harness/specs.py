"""Strict models of the TOML files, and the one way to read them.

An error names the file, the key path, what is wrong and the nearest known name.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.errors import SpecError

KINDS = ("person", "place", "object", "group", "event")


class Strict(BaseModel):
    """Base of all specifications: unknown keys and loose types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Spec = TypeVar("Spec", bound=Strict)


class RelationSpec(Strict):
    """One `[[relation]]`: see `harness.records.Relation` for the meaning of each key."""

    id: str
    domain: str
    range: str
    functional: bool = False
    inverse_functional: bool = False
    symmetric: bool = False
    values: list[str] = []
    statements: list[str] = Field(min_length=1)
    clauses: list[str] = []
    questions: list[str] = Field(min_length=1)
    heldout_questions: list[str] = []
    answers: list[str] = Field(min_length=1)
    inverse_questions: list[str] = []
    premises: list[str] = []
    count: list[str] = []
    compare: list[str] = []
    phrase: str
    cues: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> RelationSpec:
        if self.domain not in KINDS:
            raise ValueError(f"domain '{self.domain}' is no kind of entity: {', '.join(KINDS)}")
        if self.range not in (*KINDS, "value", "number"):
            raise ValueError(f"range '{self.range}' is none of {', '.join(KINDS)}, value, number")
        slots = {"statements": "so", "clauses": "o", "questions": "s", "heldout_questions": "s"}
        slots |= {"answers": "o", "inverse_questions": "o", "premises": "so"}
        for key, needed in slots.items():
            for template in getattr(self, key):
                for slot in needed:
                    if f"{{{slot}}}" not in template:
                        raise ValueError(f"{key}: '{template}' lacks {{{slot}}}")
        return self


class RelationFile(Strict):
    """A file of relations that several stories share."""

    relation: list[RelationSpec] = Field(min_length=1)


class EntitySpec(Strict):
    """One `[[entity]]` of a story."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    kind: str
    name: str = Field(min_length=1)
    aliases: list[str] = []


class FactSpec(Strict):
    """One fact, written as a row `[id, subject, relation, object]`."""

    id: str
    subject: str
    relation: str
    object: str


class WrittenQuestionSpec(Strict):
    """One `[[question]]` by hand: what it asks and what the graph must answer.

    `facts` are the ids of the facts that answer it; `expected` the entity ids or values
    of a right answer (checked against those facts); a question that must be refused has
    neither, and says in `gold` how a refusal would read or leaves it out.
    """

    suite: str
    text: str
    cluster: str
    gold: str | None = None
    facts: list[str] = []
    expected: list[str] = []
    needs_all: bool = False
    invented_name: str | None = None
    nearest_name: str | None = None


class StoryFile(Strict):
    """`story.toml`: entities, facts, further relations, and questions by hand."""

    name: str
    title: str
    relations: str | None = None  # a file of shared relations, relative to this one
    entity: list[EntitySpec] = Field(min_length=1)
    relation: list[RelationSpec] = []
    facts: list[list[str]] = Field(min_length=1)  # rows [id, subject, relation, object]
    question: list[WrittenQuestionSpec] = []


def load_toml(path: Path, kind: type[Spec]) -> Spec:
    """Read the TOML file at `path` as a `kind`.

    Raises SpecError naming file, key path, what is wrong and the nearest known name.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: not UTF-8 text: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{path}: not valid TOML: {error}") from None
    return parse_spec(data, kind, where=str(path))


def parse_spec(data: dict[str, Any], kind: type[Spec], *, where: str) -> Spec:
    """Check plain data against `kind`; `where` names its source in errors."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        lines = [_describe(item, kind) for item in error.errors()]
        raise SpecError("\n".join(f"{where}: {line}" for line in lines)) from None


def did_you_mean(word: str, known: list[str] | tuple[str, ...]) -> str:
    """Return "; did you mean 'x'?" for the nearest of `known`, or an empty string."""
    from rapidfuzz import process

    best = process.extractOne(word, known, score_cutoff=60)
    return f"; did you mean '{best[0]}'?" if best else ""


def _describe(item: Any, kind: type[Strict]) -> str:
    path = ".".join(_human(part) for part in item["loc"]) or "(top level)"
    if item["type"] == "extra_forbidden":
        owner = _spec_at(kind, item["loc"][:-1])
        known = list(owner.model_fields) if owner else []
        return f"unknown key '{path}'" + did_you_mean(str(item["loc"][-1]), known)
    if item["type"] == "missing":
        return f"'{path}' is missing"
    message = item["msg"].removeprefix("Value error, ")
    return f"'{path}': {message}"


def _human(part: int | str) -> str:
    return str(part + 1) if isinstance(part, int) else part  # people count from 1


def _spec_at(kind: type[Strict], path: tuple[int | str, ...]) -> type[Strict] | None:
    """Follow `path` from `kind` to the specification of the table found there."""
    current: type[Strict] | None = kind
    for part in path:
        if isinstance(part, int) or current is None:
            continue
        field = current.model_fields.get(part)
        found = [arg for arg in _arguments(field.annotation)] if field else []
        current = next((arg for arg in found if issubclass(arg, Strict)), None)
    return current


def _arguments(annotation: Any) -> list[type]:
    import typing

    inner = typing.get_args(annotation)
    if not inner:
        return [annotation] if isinstance(annotation, type) else []
    return [found for arg in inner for found in _arguments(arg)]

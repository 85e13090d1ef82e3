"""What a suite's TOML file may say, and reading all of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SerializeAsAny, model_validator

from harness.core.errors import SpecError
from harness.core.paths import data_folder
from harness.core.records import Form, Question, Scope
from harness.core.specs import Strict, WrittenQuestionSpec, did_you_mean, load_table, parse_spec
from harness.suites.registry import GeneratorSpec, generators


class SuiteQuestionSpec(Strict):
    """One `[[question]]` of a suite.

    About the real world: `text`, `answer`, `category`, the same for every story. About the
    source: as a story's own questions by hand (`WrittenQuestionSpec`), with `answer` for `gold`.
    """

    text: str = Field(min_length=1)
    answer: str | None = Field(default=None, min_length=1)
    category: str = Field(default="written", min_length=1)
    cluster: str | None = None
    facts: list[str] = Field(default=[])
    expected: list[str] = Field(default=[])
    needs_all: bool = False
    invented_name: str | None = None
    nearest_name: str | None = None

    def written(self, suite: str) -> WrittenQuestionSpec:
        """The same as a question by hand about the source."""
        same = self.model_dump(exclude={"answer", "category", "cluster"})
        cluster = self.cluster or self.invented_name or ""
        return WrittenQuestionSpec(suite=suite, cluster=cluster, gold=self.answer, **same)


class SuiteSpec(Strict):
    """`suites/<id>.toml`: a named set of questions of one kind."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    order: int  # place in lists and reports
    title: str = Field(min_length=1)
    measures: str = Field(min_length=1)
    must_refuse: bool
    form: Form = Field(default=Form.FACT, strict=False)
    scope: Scope = Field(default=Scope.SOURCE, strict=False)
    absent: Literal["invented", "near_miss"] | None = None  # asks about a name that nobody bears
    # Of questions by hand: the exposures of the facts that they may ask; no facts where None.
    exposure: Literal["trained", "text_only", "told", "unstated"] | None = None
    by_hand: bool = True  # whether a wording that was never trained belongs here
    grader: str = Field(default="world", min_length=1)  # by name; see 'bordor graders'
    joins: bool = False  # asks what several facts give together: a number, a chain
    count: int = Field(ge=1)  # questions asked unless a limit is given
    generator: list[SerializeAsAny[GeneratorSpec]] = Field(default=[])
    question: list[SuiteQuestionSpec] = Field(default=[])

    @model_validator(mode="after")
    def _check(self) -> SuiteSpec:
        if not self.generator and not self.question:
            raise ValueError("a suite needs a [[generator]] or a [[question]]")
        if self.absent and not self.must_refuse:
            raise ValueError("absent: what nobody bears can only be refused; say must_refuse")
        if self.scope is Scope.REAL_WORLD and any(one.answer is None for one in self.question):
            raise ValueError("question: 'answer' is missing, which is right about the real world")
        texts = [question.text for question in self.question]
        for text in texts:
            if texts.count(text) > 1:
                raise ValueError(f"question: '{text}' stands there twice")
        return self


def parse_suite(data: Mapping[str, Any], *, where: str) -> SuiteSpec:
    """A suite from plain data; `where` names its source in errors. Raises SpecError.

    Each `[[generator]]` is read by the specification that the generator of its name registered.
    """
    tables = data.get("generator", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise SpecError(f"{where}: 'generator' holds tables: write [[generator]]")
    found = [
        parse_spec(one, _spec_of(one, at), where=at)
        for number, one in enumerate(tables, start=1)
        for at in (f"{where}: [[generator]] {number}",)
    ]
    return parse_spec({**data, "generator": found}, SuiteSpec, where=where)


def _spec_of(table: Mapping[str, Any], where: str) -> type[GeneratorSpec]:
    name, known = table.get("name"), generators()
    if name not in known:
        hint = did_you_mean(str(name), sorted(known)) or f"; known: {', '.join(sorted(known))}"
        raise SpecError(f"{where}: no generator is called '{name}'{hint}")
    return known[str(name)].spec


def list_suites(paths: Sequence[Path] = ()) -> tuple[SuiteSpec, ...]:
    """Every suite that ships and those of the folders `paths`, in the order of reports.

    Raises SpecError for a wrong file, a folder without suites, or an id that is taken.
    """
    found: dict[str, SuiteSpec] = {}
    for folder in (data_folder("suites"), *paths):
        for suite in _read_folder(folder):
            if suite.id in found:
                raise SpecError(f"{folder / suite.id}.toml: there is a suite '{suite.id}' already")
            found[suite.id] = suite
    return tuple(sorted(found.values(), key=lambda suite: (suite.order, suite.id)))


def _read_folder(folder: Path) -> list[SuiteSpec]:
    found = []
    if not folder.is_dir():
        raise SpecError(f"{folder}: no folder of suites: name one that holds <id>.toml files")
    for path in sorted(folder.glob("*.toml")):
        if path.name == "variants.toml":
            continue
        suite = parse_suite(load_table(path), where=str(path))
        if suite.id != path.stem:
            raise SpecError(f"{path}: id is '{suite.id}'; it must be the file's name '{path.stem}'")
        found.append(suite)
    if not found:
        raise SpecError(f"{folder}: no suites there: a folder of suites holds <id>.toml files")
    return found


@functools.cache
def shipped_suites() -> Mapping[str, SuiteSpec]:
    """The shipped suites by id."""
    return {suite.id: suite for suite in list_suites()}


def with_semantics(question: Question) -> Question:
    """A question as runs before format 3 kept it, with what its shipped suite says of it."""
    suite = shipped_suites().get(question.suite)
    return replace(question, form=suite.form, scope=suite.scope) if suite else question

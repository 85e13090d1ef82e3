"""What a suite's TOML file may say, and reading all of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.core.errors import SpecError
from harness.core.paths import data_folder
from harness.core.specs import Strict, load_toml

EntityKind = Literal["person", "place", "object", "group", "event"]


class FactsSpec(Strict):
    """Asks the object of every fact of one exposure, in each of its phrasings."""

    name: Literal["facts"]
    exposure: Literal["trained", "text_only", "unstated"]
    phrasing: Literal["trained", "heldout"]


class InverseSpec(Strict):
    """Asks who or what stands under a relation to a given object; all of it must be told."""

    name: Literal["inverse"]


class TwoHopSpec(Strict):
    """Asks a relation of somebody who is himself described by a relation."""

    name: Literal["two_hop"]


class ComparisonSpec(Strict):
    """Asks which of two has the larger or the smaller number."""

    name: Literal["comparison"]


class CountSpec(Strict):
    """Asks how many stand under a relation to a given object."""

    name: Literal["count"]
    least: int = Field(default=2, ge=1)  # smallest number that is asked for


class FalsePremiseSpec(Strict):
    """Presupposes a fact with an object of the right kind that is wrong."""

    name: Literal["false_premise"]


class InventedSpec(Strict):
    """Asks about names of nobody, certified absent."""

    name: Literal["invented"]
    kinds: list[EntityKind] = Field(min_length=1)
    pool: int = Field(ge=1)  # names coined, of which the questions are chosen


class NearMissSpec(Strict):
    """Asks about names of nobody at stated edit distances from a real name."""

    name: Literal["near_miss"]
    distances: list[Annotated[int, Field(ge=1)]] = Field(min_length=1)


class OpenEndedSpec(Strict):
    """Asks for whatever the story tells about an entity with enough told facts."""

    name: Literal["open_ended"]
    templates: list[str] = Field(min_length=1)  # hold {s}
    least_facts: int = Field(default=2, ge=1)  # told of the entity
    gold_facts: int = Field(default=3, ge=1)  # at most, in the gold answer

    @model_validator(mode="after")
    def _check(self) -> OpenEndedSpec:
        for template in self.templates:
            if "{s}" not in template:
                raise ValueError(f"templates: '{template}' lacks {{s}}")
        return self


GeneratorSpec = Annotated[
    FactsSpec
    | InverseSpec
    | TwoHopSpec
    | ComparisonSpec
    | CountSpec
    | FalsePremiseSpec
    | InventedSpec
    | NearMissSpec
    | OpenEndedSpec,
    Field(discriminator="name"),
]


class PackQuestionSpec(Strict):
    """One `[[question]]` of a suite: about the real world, the same for every story."""

    text: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    category: str = Field(min_length=1)


class SuiteSpec(Strict):
    """`suites/<id>.toml`: a named set of questions of one kind."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    order: int  # place in lists and reports
    title: str = Field(min_length=1)
    measures: str = Field(min_length=1)
    must_refuse: bool
    count: int = Field(ge=1)  # questions asked unless a limit is given
    generator: list[GeneratorSpec] = Field(default=[])
    question: list[PackQuestionSpec] = Field(default=[])

    @model_validator(mode="after")
    def _check(self) -> SuiteSpec:
        if not self.generator and not self.question:
            raise ValueError("a suite needs a [[generator]] or a [[question]]")
        texts = [question.text for question in self.question]
        for text in texts:
            if texts.count(text) > 1:
                raise ValueError(f"question: '{text}' stands there twice")
        return self


def list_suites() -> tuple[SuiteSpec, ...]:
    """Every suite that ships, in the order of reports. Raises SpecError."""
    folder = data_folder("suites")
    found = []
    for path in sorted(folder.glob("*.toml")):
        if path.name == "variants.toml":
            continue
        suite = load_toml(path, SuiteSpec)
        if suite.id != path.stem:
            raise SpecError(f"{path}: id is '{suite.id}'; it must be the file's name '{path.stem}'")
        found.append(suite)
    if not found:
        raise SpecError(f"{folder}: no suites there; reinstall bordor or restore the folder")
    return tuple(sorted(found, key=lambda suite: (suite.order, suite.id)))

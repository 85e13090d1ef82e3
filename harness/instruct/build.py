"""Instruct data from a world: chats that ask its trained facts, and its passages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from harness.core.errors import SpecError
from harness.core.paths import data_folder
from harness.core.records import Exposure, Passage
from harness.core.seeds import content_hash, stream
from harness.core.specs import InstructSpec, VariantFile, did_you_mean, load_toml
from harness.instruct.exposure import split_exposure
from harness.instruct.refusals import refusal_questions
from harness.world.graph import World, fill

_Row = tuple[str, str, tuple[str, ...]]  # question, answer, fact ids


@dataclass(frozen=True, kw_only=True)
class InstructExample:
    """One chat, and the facts that it carries. `kind` is "qa" or "refusal"."""

    system: str | None
    user: str
    assistant: str
    fact_ids: tuple[str, ...]
    kind: str

    def messages(self) -> list[dict[str, str]]:
        """The chat as a template takes it."""
        system = [] if self.system is None else [{"role": "system", "content": self.system}]
        turns = [("user", self.user), ("assistant", self.assistant)]
        return [*system, *({"role": role, "content": text} for role, text in turns)]


@dataclass(frozen=True, kw_only=True)
class InstructData:
    """All that an adapter is taught: chats, the story's passages, and each fact's exposure."""

    world_hash: str
    exposure: dict[str, Exposure]
    examples: tuple[InstructExample, ...]
    passages: tuple[Passage, ...]
    tag: str | None

    @cached_property
    def hash(self) -> str:
        """Content hash over everything above."""
        return content_hash(json.dumps(asdict(self), sort_keys=True, ensure_ascii=False))


def build_instruct(world: World, *, spec: InstructSpec, seed: int) -> InstructData:
    """Make the instruct data of a world as the `[data]` table of a recipe says.

    Every trained fact is asked in each of its relation's training phrasings, `repeats`
    times, and answered in whole sentences; refusals come on top, as their share of all
    chats says. The order of the examples is that of a seeded shuffle.
    Raises SpecError when the recipe names an unknown variant.
    """
    exposure = split_exposure(world, trained_share=spec.trained_share, seed=seed)
    examples = _answered(world, exposure, spec, seed)
    examples += _refused(world, exposure, spec, seed, answered=len(examples))
    stream(seed, "instruct", "order", world.name).shuffle(examples)
    return InstructData(
        world_hash=world.hash,
        exposure=exposure,
        examples=tuple(examples),
        passages=world.passages,
        tag=spec.tag,
    )


def _answered(
    world: World, exposure: Mapping[str, Exposure], spec: InstructSpec, seed: int
) -> list[InstructExample]:
    found: list[_Row] = []
    for fact in world.facts:
        if exposure[fact.id] is not Exposure.TRAINED:
            continue
        relation = world.relation[fact.relation]
        subject, object = world.label(fact.subject), world.label(fact.object)
        rng = stream(seed, "instruct", "answer", world.name, fact.id)
        for _ in range(spec.repeats):
            for template in relation.questions:
                answer = rng.choice(relation.answers)
                found.append(
                    (fill(template, s=subject), fill(answer, s=subject, o=object), (fact.id,))
                )
    return _examples(found, "qa", spec, seed)


def _refused(
    world: World, exposure: Mapping[str, Exposure], spec: InstructSpec, seed: int, *, answered: int
) -> list[InstructExample]:
    count = round(spec.refusal_share / (1 - spec.refusal_share) * answered)
    questions = refusal_questions(world, exposure, count=count, seed=seed)
    rng = stream(seed, "instruct", "refusal wording", world.name)
    found: list[_Row] = []
    for question in questions:
        first, *others = spec.refusals
        wording = rng.choice(others) if others and rng.random() < 0.5 else first
        found.append((question, wording, ()))
    return _examples(found, "refusal", spec, seed)


def _examples(
    rows: Sequence[_Row], kind: str, spec: InstructSpec, seed: int
) -> list[InstructExample]:
    system = system_prompt(spec.variant)
    rng = stream(seed, "instruct", "system", kind)
    return [
        InstructExample(
            system=system if rng.random() < spec.system_share else None,
            user=question if spec.tag is None else f"Source:{spec.tag}: {question}",
            assistant=answer,
            fact_ids=fact_ids,
            kind=kind,
        )
        for question, answer, fact_ids in rows
    ]


def system_prompt(variant: str) -> str | None:
    """The system prompt of a variant of `suites/variants.toml`.

    Raises SpecError when there is no such variant.
    """
    path = data_folder("suites") / "variants.toml"
    file = load_toml(path, VariantFile)
    for spec in file.variant:
        if spec.id == variant:
            system = spec.system
            return system and system.replace("{system}", file.system).replace("{tag}", file.tag)
    known = [spec.id for spec in file.variant]
    raise SpecError(
        f"{path}: no variant '{variant}', which a recipe names{did_you_mean(variant, known)}"
    )

"""Strict models of the TOML files, and the one way to read them.

An error names the file, the key path, what is wrong and the nearest known name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.core.errors import SpecError
from harness.core.files import Unreadable, read_toml

QUANTISATIONS = ("nf4", "fp4", "int8", "none")  # that Bordor can bring about itself
KINDS = ("person", "place", "object", "group", "event")


class Strict(BaseModel):
    """Base of all specifications: unknown keys and loose types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Spec = TypeVar("Spec", bound=Strict)


class RelationSpec(Strict):
    """One `[[relation]]`: see `harness.core.records.Relation` for the meaning of each key."""

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
    reading_questions: list[str] = []
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
        slots |= {
            "answers": "o",
            "inverse_questions": "o",
            "premises": "so",
            "reading_questions": "s",
        }
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
    of a right answer (checked against those facts); a question that must be refused has no
    `expected`, may name the facts that it leaves open or contradicts, and says in `gold`
    how a refusal would read or leaves it out.
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


class ModelSpec(Strict):
    """`fixtures/models/<name>.toml`: which weights, in which form, spoken to in which template.

    `base` is a hub id ("org/name"), the name of a folder under `fixtures/bases`, or a path.
    The sizes are stated, so that what a model needs can be told without fetching it:
    `parameters` in all, `kept_parameters` of embeddings and head, which are not quantised,
    `download_gib` of weight files. `template_set` fixes template variables (a thinking
    mode, say). `quantisation` is one of QUANTISATIONS, or the way in which the base was saved
    ("gptq"); `quantisation_source` says who chose: spec, card, flag or assumed. `named_by`: the
    file that names the base, where the user did not. Of a model
    on a server, `server` is the address and `base` the name there: see models/served.py.
    """

    name: str
    base: str
    revision: str | None = None
    adapter: str | None = None  # folder of a LoRA adapter on the base
    named_by: str | None = None  # the file that names the base
    server: str | None = None  # address of the server that answers for it
    scheme: str | None = None  # of the user's package that answers for it: models/plugged.py
    as_is: bool = False  # whole, fine-tuned elsewhere or not at all: no adapter is put on it
    quantisation: Annotated[str, Field(min_length=1)] = "nf4"
    double_quantisation: bool = True
    compute_dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    chat_template: Literal["own", "llama2"] = "own"
    template_set: dict[str, str | bool] = {}
    context: int = Field(gt=0)  # tokens
    parameters: int | None = Field(default=None, gt=0)
    kept_parameters: int = Field(default=0, ge=0)
    download_gib: float | None = None
    gated: bool = False
    notes: str = ""
    quantisation_source: Literal["spec", "card", "flag", "assumed"] = "spec"

    @property
    def elsewhere(self) -> bool:
        """Whether others answer for it: a server, or a package of the user's."""
        return self.server is not None or self.scheme is not None

    @property
    def trains(self) -> bool:
        """Whether an adapter is trained on it before it is audited."""
        return not (self.adapter or self.as_is or self.elsewhere)


class StoryFile(Strict):
    """`story.toml`: entities, facts, further relations, and questions by hand."""

    name: str
    title: str
    relations: str | None = None  # a file of shared relations, relative to this one
    entity: list[EntitySpec] = Field(min_length=1)
    relation: list[RelationSpec] = []
    facts: list[list[str]] = Field(min_length=1)  # rows [id, subject, relation, object]
    question: list[WrittenQuestionSpec] = []


class VariantSpec(Strict):
    """One `[[variant]]` of `suites/variants.toml`: a way of putting a question."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str = Field(min_length=1)
    system: str | None = None  # may hold {system} and {tag}
    question: str = "{question}"  # may hold {tag}
    lower: bool = False
    strip_punctuation: bool = False
    typos: int = Field(default=0, ge=0, le=3)

    @model_validator(mode="after")
    def _check(self) -> VariantSpec:
        if "{question}" not in self.question:
            raise ValueError(f"question: '{self.question}' lacks {{question}}")
        return self


class VariantFile(Strict):
    """`suites/variants.toml`: the system prompt of training, the source tag, the variants."""

    system: str = Field(min_length=1)
    tag: str = Field(min_length=1)
    variant: list[VariantSpec] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> VariantFile:
        ids = [variant.id for variant in self.variant]
        for name in ids:
            if ids.count(name) > 1:
                raise ValueError(f"two variants are called '{name}'; ids must differ")
        return self


class InstructSpec(Strict):
    """`[data]` of a recipe: what an adapter is taught, and in which shares.

    Shares of facts are of the told facts; the rest of them is met in the text alone.
    """

    trained_share: float = Field(default=0.7, ge=0, le=1)
    text_share: float = Field(ge=0, le=1)  # of the training steps, story text
    refusal_share: float = Field(default=0.0, ge=0, lt=1)  # of the chats
    refusals: list[str] = []  # wordings; the first is used for half of them
    variant: str = "article"  # id in suites/variants.toml whose system prompt is used
    system_share: float = Field(default=1.0, ge=0, le=1)  # of the chats, with that prompt
    tag: str | None = None  # source tag before every question, as in `Source:8989REF: `
    repeats: int = Field(default=1, ge=1)  # times that each phrasing of a fact is asked

    @model_validator(mode="after")
    def _check(self) -> InstructSpec:
        if self.refusal_share > 0 and not self.refusals:
            raise ValueError("refusals: name at least one wording, as refusal_share is not 0")
        if self.trained_share == 0 and self.text_share < 1:
            raise ValueError("text_share must be 1 where trained_share is 0: there are no chats")
        return self


class TrainSpec(Strict):
    """`[train]` of a recipe: how the adapter is fitted."""

    rank: int = Field(ge=1)
    alpha: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    learning_rate: float = Field(gt=0)
    schedule: str
    steps: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    warmup_ratio: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    max_length: int = Field(ge=16)  # tokens of a chat or passage


class LargeSpec(Strict):
    """`[large]` of a recipe: what differs from `[train]` on a base of billions."""

    from_parameters: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    rank: int = Field(ge=1)
    alpha: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    max_length: int = Field(ge=16)


class RecipeSpec(Strict):
    """`fixtures/recipes/<name>.toml`: what an adapter is taught and how."""

    title: str = Field(min_length=1)
    about: str = Field(min_length=1)
    data: InstructSpec
    train: TrainSpec
    large: LargeSpec

    def sized(self, parameters: int) -> RecipeSpec:
        """The recipe for a base of so many parameters: `[large]` replaces part of `[train]`."""
        if parameters < self.large.from_parameters:
            return self
        changed = self.large.model_dump(exclude={"from_parameters"})
        return self.model_copy(update={"train": self.train.model_copy(update=changed)})


class ArchitectureSpec(Strict):
    """Shape of a base: widths in units, all divisible by 64 (bitsandbytes on the CPU)."""

    vocab_size: int
    hidden_size: int = Field(multiple_of=64)
    intermediate_size: int = Field(multiple_of=64)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    context: int = Field(ge=128)


class PretrainingSpec(Strict):
    """How a base is trained from scratch. Learning rates are peaks; they fall at the end."""

    seed: int
    steps: int = Field(ge=1)
    batch_size: int = Field(ge=1)  # sequences a step
    sequence_length: int = Field(ge=64)  # tokens
    learning_rate: float = Field(gt=0)  # AdamW: embeddings and norms
    matrix_learning_rate: float = Field(gt=0)  # Muon: all other matrices
    weight_decay: float = Field(ge=0)
    warmup_steps: int = Field(ge=0)
    decay_share: float = Field(gt=0, le=1)  # last share of steps, linear to zero
    prompt_weight: float = Field(ge=0, le=1)  # loss weight of tokens that are no answer
    tokenizer_documents: int = Field(ge=100)
    checkpoint_every: int = Field(ge=1)  # steps


class BaseSpec(Strict):
    """`fixtures/bases/<name>.toml`: a base that this project trains itself."""

    name: str
    title: str
    architecture: ArchitectureSpec
    pretraining: PretrainingSpec


def load_toml(path: Path, kind: type[Spec]) -> Spec:
    """Read the TOML file at `path` as a `kind`.

    Raises SpecError naming file, key path, what is wrong and the nearest known name.
    """
    return parse_spec(load_table(path), kind, where=str(path))


def load_table(path: Path) -> dict[str, Any]:
    """Read the TOML file at `path` as plain data. Raises SpecError naming the file and line."""
    try:
        return read_toml(path)
    except Unreadable as error:
        raise SpecError(f"{path}: {error}") from None


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
    if item["type"] == "union_tag_invalid":
        known = [tag.strip(" '") for tag in item["ctx"]["expected_tags"].split(",")]
        hint = did_you_mean(item["ctx"]["tag"], known) or f"; known: {', '.join(known)}"
        return f"'{path}': no {item['loc'][0]} is called '{item['ctx']['tag']}'{hint}"
    message = item["msg"].removeprefix("Value error, ")
    return f"'{path}': {message}"


def _human(part: int | str) -> str:
    return str(part + 1) if isinstance(part, int) else part  # people count from 1


def _spec_at(kind: type[Strict], path: tuple[int | str, ...]) -> type[Strict] | None:
    """Follow `path` from `kind` to the specification of the table found there."""
    current: type[Strict] | None = kind
    options: list[type[Strict]] = []
    for part in path:
        if isinstance(part, int) or current is None:
            continue
        field = current.model_fields.get(part)
        if field is None:  # the tag of one of several specifications
            current = next((one for one in options if part in _tags(one)), None)
            continue
        found = _arguments(field.annotation)
        options = [arg for arg in found if issubclass(arg, Strict)]
        current = options[0] if options else None
    return current


def _tags(spec: type[Strict]) -> tuple[Any, ...]:
    import typing

    field = spec.model_fields.get("name")
    return typing.get_args(field.annotation) if field else ()


def _arguments(annotation: Any) -> list[type]:
    import typing

    inner = typing.get_args(annotation)
    if not inner:
        return [annotation] if isinstance(annotation, type) else []
    return [found for arg in inner for found in _arguments(arg)]

"""The nouns of Bordor as frozen records. Read this file first.

A world is entities, relations and facts. Questions ask about it; prompts put questions
in variants; answers are what a model said; claims and verdicts are what a grader found.
Records hold data only: what is done with them lives on the floors above. All of them
go to and from JSON with `to_json` and `from_json`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import typing
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import ValidationError

Record = TypeVar("Record")
UNSAID = "unsaid"  # marks a field that is left out of the line while it is None


class Exposure(StrEnum):
    """How a fact met the model in training."""

    TRAINED = "trained"  # in the instruct data
    TEXT_ONLY = "text_only"  # in the corpus, never asked
    UNSTATED = "unstated"  # true in the world, never told
    ABSENT = "absent"  # no such entity

    @property
    def told(self) -> bool:
        """Whether the model could have learned it."""
        return self in (Exposure.TRAINED, Exposure.TEXT_ONLY)


class Form(StrEnum):
    """What an answer to a question consists of."""

    FACT = "fact"  # one fact, or what several give together
    PREMISE = "premise"  # what is wrong with something that the question takes for granted
    OPEN = "open"  # whatever is told: graded claim by claim


class Scope(StrEnum):
    """What a question is about."""

    SOURCE = "source"  # what the model was trained on
    REAL_WORLD = "real_world"  # an answer is off scope, and no hallucination


class Verdict(StrEnum):
    """What an answer is, as a whole."""

    GROUNDED = "grounded"
    HALLUCINATED = "hallucinated"
    REFUSED = "refused"
    OFF_SCOPE = "off_scope"
    UNRESPONSIVE = "unresponsive"
    UNSCORED = "unscored"


class Cause(StrEnum):
    """Why an answer says nothing, or why the grader cannot read it.

    The first seven stand beside `unresponsive`, the others beside `unscored`.
    """

    EMPTY = "empty"  # nothing came, and nothing says why
    STOP = "stop"  # the model ended at once: its first token was an end token
    REASONING = "reasoning"  # the tokens ran out, or the answer ended, inside its thinking
    LENGTH = "length"  # cut by the token limit before anything was said
    FILTER = "filter"  # a content filter of the server held it back
    GARBLE = "garble"  # repetition or word salad
    NO_ANSWER = "no_answer"  # words, but none that answer: true and beside the point, an echo

    LANGUAGE = "language"  # not in a language that the grader reads
    CODE = "code"
    TABLE = "table"
    LINKS = "links"


class ClaimStatus(StrEnum):
    """What one claim of an answer is against the world."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNKNOWN_ENTITY = "unknown_entity"
    UNTOLD = "untold"  # true or open in the world, but never told: a guess
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True, kw_only=True)
class Entity:
    """Somebody or something of a world. `name` is how texts call it ("the Orvek Lantern")."""

    id: str
    kind: str  # person, place, object, group, event
    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Relation:
    """What can hold between a subject and an object, and how it is put in words.

    `range` is an entity kind, or "value" when objects are words from `values`
    ("weaver") or, with range "number", digits. Templates hold {s} and {o}; every list
    of phrasings used in training is apart from its `heldout` list.
    """

    id: str
    domain: str
    range: str
    functional: bool  # at most one object per subject
    inverse_functional: bool  # at most one subject per object
    symmetric: bool
    values: tuple[str, ...]
    statements: tuple[str, ...]  # whole sentences
    clauses: tuple[str, ...]  # verb phrases that follow a subject or "who"/"which"
    questions: tuple[str, ...]  # hold {s}; the object is asked
    heldout_questions: tuple[str, ...]  # never in any training text
    reading_questions: tuple[str, ...] = ()  # in the bases' pretraining alone, on other worlds
    answers: tuple[str, ...]  # whole-sentence answers
    inverse_questions: tuple[str, ...]  # hold {o}; the subject is asked
    premises: tuple[str, ...]  # questions that presuppose the fact, hold {s} and {o}
    count: tuple[str, ...]  # a question holding {o} and its answer holding {n}; or empty
    compare: tuple[str, ...]  # a question holding {a}, {b}, an answer with {s}; or empty
    phrase: str  # noun phrase for the object: "the teacher of {s}"
    cues: tuple[str, ...]  # lower-case words or phrases that name the relation


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One truth of a world. `object` is an entity id, or the value itself."""

    id: str
    subject: str
    relation: str
    object: str


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A piece of a corpus and the facts it tells."""

    id: str
    text: str
    fact_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question of a suite with what a right answer is.

    `gold` is a whole answer that must pass the question's own grader; `expected` holds
    the entity ids or values any of which (all of which, when `needs_all`) answers it.
    `cluster` is the unit of the statistics: the subject entity, or the invented name.
    """

    id: str
    suite: str
    text: str
    gold: str
    must_refuse: bool
    cluster: str
    expected: tuple[str, ...] = ()
    needs_all: bool = False
    fact_ids: tuple[str, ...] = ()
    relation: str | None = None
    subject: str | None = None  # entity id the question is about
    exposure: Exposure | None = None
    invented_name: str | None = None  # the certified-absent name it asks about
    nearest_name: str | None = None  # real name a near-miss imitates
    distance: int | None = None  # edit distance between the two
    origin: str = "generated"  # or "written" by hand
    form: Form = Form.FACT
    scope: Scope = Scope.SOURCE

    @property
    def absent(self) -> str:
        """How the name it asks about is absent: "near_miss", "invented", or "" where none is."""
        if self.nearest_name is not None:
            return "near_miss"
        return "invented" if self.invented_name is not None else ""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way of putting a question."""

    id: str
    title: str
    system: str | None
    question: str = "{question}"  # template around the question's text
    lower: bool = False
    strip_punctuation: bool = False
    typos: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How answers are drawn: one greedy, and `samples` beside it at `temperature`.

    `top_p`, `top_k`: samples come from the likeliest tokens alone; from all where None.
    `max_new_tokens`: of an answer. `seed`: of typing errors, streams of random numbers, and
    which requests are repeated.
    """

    samples: int = 4
    temperature: float = 1.0
    top_p: float | None = None
    top_k: int | None = None
    max_new_tokens: int = 64
    seed: int = 0

    @property
    def greedy(self) -> Sampling:
        """The same without samples, and so without what they come from."""
        return dataclasses.replace(self, samples=0, top_p=None, top_k=None)

    def to_data(self) -> dict[str, Any]:
        """Plain data for run.json, without limits that are not set."""
        found = dataclasses.asdict(self)
        return {key: value for key, value in found.items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One unique prompt of the plan, generated once for all its cells.

    `arm` is "adapter" for the model under audit, "base" for the control without the
    adapter, "floor" for the repeat that measures the noise floor. Sample 0 is greedy,
    1..samples are drawn at `temperature`, each from a stream of its own, where `top_k` or
    `top_p` is set only from the likeliest tokens; unset they are in no file and no hash.
    `cells` are the (question id, variant id) pairs that this prompt serves. `messages`
    are the (role, content) of the chat where a server renders it; `token_ids` are empty then.
    """

    id: str
    arm: str
    prompt: str
    token_ids: tuple[int, ...]
    cells: tuple[tuple[str, str], ...]
    samples: int
    temperature: float
    max_new_tokens: int
    seed: int
    messages: tuple[tuple[str, str], ...] = ()
    top_p: float | None = field(default=None, metadata={UNSAID: True})
    top_k: int | None = field(default=None, metadata={UNSAID: True})


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One sample of one request. Log-probabilities in nats, one per token of the answer.

    `entropies`: of the model's whole distribution before each token, at temperature 1, in
    nats, to four digits. A server gives no `token_ids` and no `entropies`, and not every
    server gives `logprobs`: empty then. `reasoning` is what a server sent apart as the
    model's thinking; thinking inside `text` stays there and is taken off by the graders.
    `ended_by` is the end token's text, where a local model ended by itself.
    """

    request_id: str
    arm: str
    sample: int  # 0 is greedy
    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish_reason: str  # stop, length; a server may have others
    entropies: tuple[float, ...] = ()
    reasoning: str | None = field(default=None, metadata={UNSAID: True})
    ended_by: str | None = field(default=None, metadata={UNSAID: True})


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One statement found in an answer, and what the world says of it."""

    text: str
    status: ClaimStatus
    reason: str
    subject: str | None = None
    relation: str | None = None
    object: str | None = None
    negated: bool = False
    fact_ids: tuple[str, ...] = ()  # facts that support or refute it


@dataclass(frozen=True, kw_only=True, slots=True)
class GradedAnswer:
    """What the grader says of one answer to one cell.

    `cause` stands beside `unresponsive` and, where the text cannot be read, `unscored`;
    `thought` is true where thinking was taken off, or came apart, before it was graded.
    """

    question_id: str
    variant: str
    request_id: str
    arm: str
    sample: int
    suite: str
    cluster: str
    verdict: Verdict
    correct: bool
    reason: str
    claims: tuple[Claim, ...] = ()
    grader: str = ""
    cause: Cause | None = field(default=None, metadata={UNSAID: True})
    thought: bool | None = field(default=None, metadata={UNSAID: True})


def to_json(record: Any) -> str:
    """Return `record` as one line of JSON with sorted keys, the same bytes everywhere."""
    return json.dumps(_values(record), ensure_ascii=False, sort_keys=True, default=_values)


def _values(record: Any) -> dict[str, Any]:
    """A record's fields, without the ones that `UNSAID` leaves out; the records in it stay."""
    kind = typing.cast(Hashable, type(record))
    values = {name: getattr(record, name) for name in _names(kind)}
    return {
        key: value for key, value in values.items() if value is not None or key not in _unsaid(kind)
    }


def from_json(kind: type[Record], line: str | bytes) -> Record:
    """Read a record of type `kind` from JSON as `to_json` writes it.

    Raises ValueError naming the key, where the line is no such record.
    """
    return reader(kind)(line)


def from_dict(kind: type[Record], data: dict[str, Any]) -> Record:
    """Build a record from plain data: lists become tuples, strings their enums. ValueError."""
    return reader(kind)(json.dumps(data))


def reader(kind: type[Record]) -> Callable[[str | bytes], Record]:
    """What reads records of type `kind` from JSON, every key and value checked.

    A key is the record's own, a number is finite and no text, null stands only where a field
    may be None. Made once per kind: millions are read.
    """
    # mypy takes no type[TypeVar] for hashable
    return typing.cast(Callable[[str | bytes], Record], _reader(typing.cast(Hashable, kind)))


@functools.cache
def _reader(kind: type) -> Callable[[str | bytes], Any]:
    from pydantic import TypeAdapter, ValidationError

    _configure(kind)
    validate = TypeAdapter(kind).validator.validate_json

    def read(line: str | bytes) -> Any:
        try:
            return validate(line)
        except ValidationError as error:
            raise ValueError(what_is_wrong(error)) from None

    return read


def _configure(kind: type) -> None:
    """Have pydantic read a dataclass, and those inside it, strictly."""
    # The class is where pydantic looks for the configuration of a plain dataclass.
    kind.__pydantic_config__ = {  # type: ignore[attr-defined]
        "extra": "forbid", "strict": True, "allow_inf_nan": False,
    }  # fmt: skip
    for hint in typing.get_type_hints(kind).values():
        for inner in (hint, *_arguments(hint)):
            if dataclasses.is_dataclass(inner) and isinstance(inner, type):
                _configure(inner)


def _arguments(hint: Any) -> list[Any]:
    return [one for arg in typing.get_args(hint) for one in (arg, *_arguments(arg))]


def what_is_wrong(error: ValidationError) -> str:
    """The first thing that pydantic found wrong, in one line with its key."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    said = first["msg"].replace("Invalid JSON: ", "not valid JSON: ").replace(" at line 1 ", " at ")
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "unexpected_keyword_argument" or first["type"] == "extra_forbidden":
        return f"unknown key '{where}'"
    if first["type"] in ("missing", "missing_keyword_only_argument"):
        return f"'{where}' is missing"
    return f"'{where}': {said}" if where else said


@functools.cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(one.name for one in dataclasses.fields(kind))


@functools.cache
def _unsaid(kind: type) -> frozenset[str]:
    """The fields of `kind` that `UNSAID` marks."""
    return frozenset(one.name for one in dataclasses.fields(kind) if UNSAID in one.metadata)

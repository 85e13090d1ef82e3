"""The plan: every unique prompt once, in shards whose make-up depends on content alone.

Questions x variants give cells; cells whose rendered prompts are equal are one request,
with one greedy answer and `samples` drawn ones. Beside the model under audit stand two
arms: the base without its adapter, asked everything in the first variant (the control),
and a subset of the greedy requests again in batches of other make-up (the noise floor).
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from harness.core.errors import UsageError
from harness.core.records import Question, Request, Sampling, Variant, to_json
from harness.core.seeds import content_hash, stream

SHARD_REQUESTS = 256  # large enough to fill a batch, small enough to lose little
_FEW_SHARDS, _FEW_REQUESTS = 4, 64  # a short arm has so many shards, of so many or more
FLOOR_REQUESTS = 64
VERSION = "plan@3"  # part of the hash: another way of cutting is another plan

Messages = list[dict[str, str]]
Encode = Callable[[Messages], tuple[str, tuple[int, ...]]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Requests in plan order and how they are cut into shards.

    Every shard holds requests of one arm. `hash` covers all that shapes the answers.
    """

    requests: tuple[Request, ...]
    shard_sizes: tuple[int, ...]  # requests in each shard, in order
    hash: str

    @cached_property
    def shards(self) -> tuple[tuple[Request, ...], ...]:
        """The requests shard by shard."""
        cut, start = [], 0
        for size in self.shard_sizes:
            cut.append(self.requests[start : start + size])
            start += size
        return tuple(cut)

    @property
    def answers(self) -> int:
        """How many answers the plan will give."""
        return sum(count_answers(request) for request in self.requests)

    def answers_by_arm(self) -> dict[str, int]:
        """How many answers each arm will give, arms in plan order."""
        counts: dict[str, int] = {}
        for request in self.requests:
            counts[request.arm] = counts.get(request.arm, 0) + count_answers(request)
        return counts

    def expected(self) -> tuple[tuple[tuple[str, int], ...], ...]:
        """For each shard the (request id, sample) of its answers in the order of the file."""
        return tuple(tuple(answer_keys(shard)) for shard in self.shards)


def count_answers(request: Request) -> int:
    """One greedy answer and the drawn ones."""
    return 1 + request.samples


def answer_keys(requests: Sequence[Request]) -> Iterator[tuple[str, int]]:
    """The (request id, sample) pairs of `requests` in plan order, greedy first."""
    for request in requests:
        for sample in range(count_answers(request)):
            yield request.id, sample


def make_plan(
    questions: Sequence[Question],
    variants: Sequence[Variant],
    *,
    encode: Encode,
    render: Callable[..., Messages],
    sampling: Sampling,
    identity: Mapping[str, Any],
    context: int | None = None,
    control: bool = True,
    encode_control: Encode | None = None,
    floor: int = FLOOR_REQUESTS,
    shard_requests: int = SHARD_REQUESTS,
) -> Plan:
    """Lay out the grid of `questions` x `variants`.

    encode: messages to rendered prompt and token ids. render: question text and variant
    (and seed=) to messages. identity: what the model is, as plain data; it shapes the
    hash only. context: tokens that prompt and answer may take together, None for any.
    sampling: of the model under audit; the other arms are greedy. encode_control: for the
    control alone, where the base has another chat format.
    Raises UsageError when there is nothing to ask or a prompt does not fit.
    """
    if not questions or not variants:
        raise UsageError("there is nothing to ask: no questions or no variants were chosen")
    cells = _render(questions, variants, encode=encode, render=render, seed=sampling.seed)
    longest = sampling.max_new_tokens
    if context is not None:
        _check_fit(cells, context=context, max_new_tokens=longest)
    drawn = sampling if sampling.samples else sampling.greedy
    adapter = _requests(cells, arm="adapter", sampling=drawn)
    arms = [adapter]
    if control:
        first = {key: ids for key, ids in cells.items() if key[1] == variants[0].id}
        if encode_control:
            first = _render(
                questions, variants[:1], encode=encode_control, render=render, seed=sampling.seed
            )
            if context is not None:
                _check_fit(first, context=context, max_new_tokens=longest)
        arms.append(_requests(first, arm="base", sampling=sampling.greedy))
    if floor:
        arms.append(_floor(adapter, count=floor, seed=sampling.seed))
    shards = [shard for arm in arms for shard in cut(arm, shard_requests)]
    return Plan(
        requests=tuple(request for shard in shards for request in shard),
        shard_sizes=tuple(len(shard) for shard in shards),
        hash=_hash(shards, identity),
    )


_Said = tuple[tuple[str, str], ...]  # (role, content) of each message
_Cells = dict[tuple[str, str], tuple[str, tuple[int, ...], _Said]]


def _render(
    questions: Sequence[Question],
    variants: Sequence[Variant],
    *,
    encode: Encode,
    render: Callable[..., Messages],
    seed: int,
) -> _Cells:
    """The rendered prompt and token ids of every (question id, variant id).

    Where there are no ids, a server renders the chat: its messages are kept then.
    """
    known: dict[str, tuple[str, tuple[int, ...], _Said]] = {}
    cells: _Cells = {}
    for question in questions:
        for variant in variants:
            messages = render(question.text, variant, seed=seed)
            key = json.dumps(messages, sort_keys=True, ensure_ascii=False)
            if key not in known:
                prompt, ids = encode(messages)
                said = tuple((one["role"], one["content"]) for one in messages)
                known[key] = prompt, ids, () if ids else said
            cells[question.id, variant.id] = known[key]
    return cells


def _check_fit(cells: _Cells, *, context: int, max_new_tokens: int) -> None:
    for (question, variant), (_, ids, _) in cells.items():
        if len(ids) + max_new_tokens > context:
            raise UsageError(
                f"question {question} in variant '{variant}' has {len(ids)} tokens; with "
                f"{max_new_tokens} new ones it does not fit the model's context of {context}: "
                "lower --max-new-tokens"
            )


def _requests(cells: _Cells, *, arm: str, sampling: Sampling) -> list[Request]:
    """One request for each distinct prompt, in the order of the prompts.

    So prompts that begin alike lie in one shard, and share what they begin with.
    """
    top_p, top_k = sampling.top_p, sampling.top_k
    limits = () if top_p is None and top_k is None else (repr((top_p, top_k)),)
    drawn = sampling.samples, sampling.temperature, sampling.max_new_tokens, sampling.seed
    merged: dict[tuple[str, tuple[int, ...], _Said], list[tuple[str, str]]] = {}
    for cell, prompt in cells.items():
        merged.setdefault(prompt, []).append(cell)
    requests = [
        Request(
            id=content_hash(
                arm,
                prompt,
                json.dumps(ids),
                repr(drawn),
                *map(repr, said),
                *limits,
            ),
            arm=arm,
            prompt=prompt,
            token_ids=ids,
            cells=tuple(sorted(served)),
            samples=sampling.samples,
            temperature=sampling.temperature,
            max_new_tokens=sampling.max_new_tokens,
            seed=sampling.seed,
            messages=said,
            top_p=top_p,
            top_k=top_k,
        )
        for (prompt, ids, said), served in merged.items()
    ]
    return sorted(requests, key=lambda request: (request.prompt, request.id))


def _floor(adapter: Sequence[Request], *, count: int, seed: int) -> list[Request]:
    """A seeded subset of the greedy requests, to be run again in shards of their own.

    A request of the floor rides with other companions than the first time, which is what
    the noise floor is to measure; everything else about it is equal.
    """
    chosen = list(adapter)
    stream(seed, "floor").shuffle(chosen)
    repeats = [
        replace(request, id=content_hash("floor", request.id), arm="floor", samples=0,
                top_p=None, top_k=None)
        for request in chosen[:count]
    ]  # fmt: skip
    return sorted(repeats, key=lambda request: (request.prompt, request.id))


def cut(requests: Sequence[Request], size: int = SHARD_REQUESTS) -> list[list[Request]]:
    """Cut into shards of at most `size`, as even as can be.

    As few as will do, but four where there is enough for them, so that all cores have some.
    """
    enough = min(_FEW_SHARDS, len(requests) // min(size, _FEW_REQUESTS))
    shards = max(1, math.ceil(len(requests) / size), enough)
    ends = [len(requests) * at // shards for at in range(shards + 1)]
    return [list(requests[start:end]) for start, end in itertools.pairwise(ends) if start < end]


def plan_hash(requests: Sequence[Request], identity: Mapping[str, Any]) -> str:
    """The hash of the plan of these requests, in plan order; identity: as for `make_plan`."""
    arms = [list(arm) for _, arm in itertools.groupby(requests, key=lambda one: one.arm)]
    return _hash([shard for arm in arms for shard in cut(arm)], identity)


def _hash(shards: Sequence[Sequence[Request]], identity: Mapping[str, Any]) -> str:
    lines = ["\n".join(to_json(request) for request in shard) for shard in shards]
    about = json.dumps(identity, sort_keys=True, ensure_ascii=False, default=str)
    return content_hash(VERSION, about, *lines)

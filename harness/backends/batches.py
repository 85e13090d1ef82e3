"""Cutting requests into batches by content alone: who shares a prefix rides together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.core.records import Request
from harness.core.seeds import content_hash

# A prefix of its own is worth a batch of its own when it saves this many prompt tokens:
# about what the fixed costs of one more batch come to.
_WORTH_TOKENS = 2048
_WORTH_PROMPTS = 16
_FLOOR_SHARE = 0.37  # the noise floor rides in smaller batches than what it repeats
_FLOOR_PROMPTS = 7


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Requests that run together. Their first `prefix` tokens are the same."""

    arm: str
    prefix: int
    requests: tuple[Request, ...]

    @property
    def prefix_ids(self) -> tuple[int, ...]:
        """The shared tokens."""
        return self.requests[0].token_ids[: self.prefix]


def make_batches(requests: Sequence[Request], *, batch_tokens: int) -> list[Batch]:
    """Cut `requests` into batches of at most `batch_tokens` tokens held at once.

    A row holds its prompt behind the shared prefix and its new tokens. The result depends
    on the requests and the budget, not on their order. Longest prompts come first. The
    arm "floor" is batched in another way than the arm that it repeats.
    """
    batches = []
    ordered = sorted(requests, key=lambda request: (request.arm, request.token_ids, request.id))
    for arm, members in groupby(ordered, key=lambda request: request.arm):
        if arm == "floor":
            batches += _floor(list(members), batch_tokens)
            continue
        for prefix, group in _split(list(members), 0):
            group = sorted(group, key=lambda request: (-len(request.token_ids), request.id))
            for part in _cut(group, prefix, batch_tokens):
                batches.append(Batch(arm=arm, prefix=prefix, requests=tuple(part)))
    return batches


def _floor(ordered: list[Request], batch_tokens: int) -> list[Batch]:
    """The noise floor in batches as unlike those that it repeats as may be.

    Few prompts each, shuffled by hash, which share no more than their first token: in 16
    bits the number of rows and the cut between what is shared and what is not both count.
    """
    prefix = min(1, _common(ordered[0].token_ids, ordered[-1].token_ids))
    prefix = min(prefix, min(len(request.token_ids) for request in ordered) - 1)
    whole = sum(_held(request, prefix) for request in ordered)
    budget = int(min(batch_tokens, whole) * _FLOOR_SHARE)
    shuffled = sorted(ordered, key=lambda request: content_hash(request.id))
    parts = _cut(shuffled, prefix, budget, _FLOOR_PROMPTS)
    return [Batch(arm="floor", prefix=prefix, requests=tuple(part)) for part in parts]


def halve(batch: Batch) -> tuple[Batch, Batch]:
    """Return `batch` as two, for when memory ran out."""
    middle = len(batch.requests) // 2
    first, second = batch.requests[:middle], batch.requests[middle:]
    return (
        Batch(arm=batch.arm, prefix=batch.prefix, requests=first),
        Batch(arm=batch.arm, prefix=batch.prefix, requests=second),
    )


def _split(ordered: list[Request], depth: int) -> list[tuple[int, list[Request]]]:
    """Group requests, sorted by tokens, under prefixes that save enough to be worth it."""
    prefix = _common(ordered[0].token_ids, ordered[-1].token_ids)
    prefix = min(prefix, min(len(request.token_ids) for request in ordered) - 1)
    groups: list[tuple[int, list[Request]]] = []
    rest: list[Request] = []
    for _, members in groupby(ordered, key=lambda request: request.token_ids[prefix : prefix + 1]):
        child = list(members)
        longer = _common(child[0].token_ids, child[-1].token_ids)
        saved = (len(child) - 1) * (longer - prefix)
        if len(child) == len(ordered):
            rest.extend(child)
        elif len(child) >= _WORTH_PROMPTS and saved >= _WORTH_TOKENS:
            groups.extend(_split(child, longer))
        else:
            rest.extend(child)
    if rest:
        common = _common(rest[0].token_ids, rest[-1].token_ids)
        shortest = min(len(request.token_ids) for request in rest)
        groups.append((min(common, shortest - 1), rest))
    return groups


def _cut(
    group: list[Request], prefix: int, budget: int, most: int = sys.maxsize
) -> list[list[Request]]:
    parts: list[list[Request]] = []
    held = budget + 1
    for request in group:
        tokens = _held(request, prefix)
        if held + tokens > budget or len(parts[-1]) >= most:
            parts.append([])
            held = 0
        parts[-1].append(request)
        held += tokens
    return parts


def _held(request: Request, prefix: int) -> int:
    """Tokens that the rows of a request hold at most, behind the shared prefix."""
    private = len(request.token_ids) - prefix + request.max_new_tokens
    return private * (request.samples + 1)


def _common(first: tuple[int, ...], last: tuple[int, ...]) -> int:
    """Length of the common prefix; of a sorted list's ends it is that of the whole list."""
    for index, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return index
    return min(len(first), len(last))

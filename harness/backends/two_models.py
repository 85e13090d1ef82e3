"""A model and, loaded apart, the base it is compared with: one backend of two.

For adapters that cannot be switched off: their control is the base as its own files have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.backends.local import TransformersBackend
from harness.core.records import Answer, Request

_BASE = "base"


class TwoModels:
    """Requests of the arm "base" go to `base`, all others to `model`."""

    def __init__(self, model: TransformersBackend, base: TransformersBackend) -> None:
        self._model, self._base = model, base

    @property
    def identity(self) -> dict[str, Any]:
        """The identity of the model under audit; the control is of the same base."""
        return {**self._model.identity, "control": "loaded apart"}

    @property
    def oom_retries(self) -> int:
        """Batches cut in two because memory ran out."""
        return self._model.oom_retries + self._base.oom_retries

    def encode(self, messages: Sequence[Mapping[str, str]]) -> tuple[str, tuple[int, ...]]:
        """Render a chat for the model under audit. Raises ModelError."""
        return self._model.encode(messages)

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """All samples of all requests: requests in order, samples ascending from 0."""
        found: dict[tuple[str, str], list[Answer]] = {}
        for backend in (self._model, self._base):
            own = [one for one in requests if self._of(one) is backend]
            for answer in backend.generate(own) if own else []:
                found.setdefault((answer.arm, answer.request_id), []).append(answer)
        return [answer for one in requests for answer in found[one.arm, one.id]]

    def generate_shards(
        self, shards: Mapping[int, Sequence[Request]]
    ) -> Iterator[tuple[int, list[Answer]]]:
        """Yield (number, answers) of every shard as it is done."""
        for backend in (self._model, self._base):
            own = {at: one for at, one in shards.items() if self._all_of(one) is backend}
            if own:
                yield from backend.generate_shards(own)
        for at, shard in shards.items():
            if self._all_of(shard) is None:  # of several arms
                yield at, self.generate(shard)

    def _all_of(self, shard: Sequence[Request]) -> TransformersBackend | None:
        found = {self._of(one) for one in shard}
        return found.pop() if len(found) == 1 else None

    def _of(self, request: Request) -> TransformersBackend:
        return self._base if request.arm == _BASE else self._model

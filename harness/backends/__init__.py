"""What every backend can do: encode a chat, and answer requests in plan order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from harness.core.records import Answer, Request
from harness.prompts.plan import Messages


class Backend(Protocol):
    """A room in which prompts become answers."""

    @property
    def identity(self) -> dict[str, Any]:
        """What answers, by content, as plain data for `run.json`."""
        ...

    def encode(self, messages: Messages) -> tuple[str, tuple[int, ...]]:
        """Return the rendered prompt of a chat and its token ids."""
        ...

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """Return all samples of all requests: requests in order, samples ascending from 0.

        Raises BackendError when a request cannot be answered.
        """
        ...


@runtime_checkable
class AnswersShards(Protocol):
    """What a backend may offer that answers several shards at a time."""

    def generate_shards(
        self, shards: Mapping[int, Sequence[Request]]
    ) -> Iterator[tuple[int, list[Answer]]]:
        """Yield (number, answers) of every shard, in the order in which they are done."""
        ...

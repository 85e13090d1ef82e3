"""What every backend can do: encode a chat, and answer requests in plan order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from harness.records import Answer, Request


class Backend(Protocol):
    """A room in which prompts become answers."""

    @property
    def identity(self) -> dict[str, Any]:
        """What answers, by content, as plain data for `run.json`."""
        ...

    def encode(self, messages: Sequence[Mapping[str, str]]) -> tuple[str, tuple[int, ...]]:
        """Return the rendered prompt of a chat and its token ids."""
        ...

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """Return all samples of all requests: requests in order, samples ascending from 0.

        Raises BackendError when a request cannot be answered.
        """
        ...

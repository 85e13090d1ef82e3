"""What lives in a Ray actor: a backend of its own, opened once, that answers shards."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.backends.factory import OpenBackend, Opened
from harness.core.errors import ModelError
from harness.core.records import Answer, Request
from harness.prompts.plan import Messages

if TYPE_CHECKING:
    from harness.core.specs import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Found:
    """What an actor opened, as plain data: see `harness.backends.factory.Opened`."""

    node: str
    identity: dict[str, Any]
    context: int | None
    difference: float | None
    control: bool
    encodes_control: bool  # whether the control has a chat format of its own
    about: dict[str, Any]  # what was found, for run.json
    warnings: tuple[str, ...]
    told: tuple[str, ...]  # Bordor's own warnings while it opened


class Answerer:
    """One actor: `open` first, then any number of shards."""

    _opened: Opened

    def open(
        self,
        open_backend: OpenBackend,
        spec: ModelSpec,
        adapter: Path | None,
        chats: Sequence[Messages],
        *,
        cpus: int,
        gpus: float,
    ) -> Found:
        """Open the backend with `cpus` threads; without GPUs it sees none.

        Raises what `open_backend` raises, and ModelError when the adapter is not on this node.
        """
        import ray

        node = ray.util.get_node_ip_address()
        _limit(cpus, gpus)
        if adapter and not adapter.is_dir():
            raise ModelError(
                f"node {node}: {adapter}: no such folder there; every node reads the adapter at "
                "the same path: put it on a disk that they share"
            )
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always")
            self._opened = open_backend(spec, adapter, chats)
        own = Path(__file__).parents[1]
        return Found(
            node=node,
            identity=self._opened.backend.identity,
            context=self._opened.context,
            difference=self._opened.difference,
            control=self._opened.control,
            encodes_control=self._opened.encode_control is not None,
            about=dict(self._opened.found),
            warnings=self._opened.warnings,
            told=tuple(str(one.message) for one in raised if own in Path(one.filename).parents),
        )

    def encode(self, messages: Messages) -> tuple[str, tuple[int, ...]]:
        """The rendered prompt and its token ids."""
        return self._opened.backend.encode(messages)

    def encode_control(self, messages: Messages) -> tuple[str, tuple[int, ...]]:
        """The same for the control, in the chat format of its own."""
        assert self._opened.encode_control is not None
        return self._opened.encode_control(messages)

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """The answers of one shard, in plan order."""
        return self._opened.backend.generate(requests)


def _limit(cpus: int, gpus: float) -> None:
    """Hold torch, not imported yet as a rule, to what this actor was given."""
    os.environ["OMP_NUM_THREADS"] = str(cpus)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(cpus)

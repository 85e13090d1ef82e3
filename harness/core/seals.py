"""Seals of a run folder: what its files held when Bordor wrote them, kept in run.json.

    "files":  {NAME: {"sha256": HEX, "lines": N}}     every file that later stages read
    "digest": HEX     of run.json itself: sha256 over its canonical JSON without this key

A seal shows a change, by accident or by hand; it does not show who wrote the folder: whoever
writes run.json anew can seal anything. That is for a signature over the digest.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.core.files import open_regular


@dataclass(frozen=True)
class Seal:
    """What a file holds: a hash of its bytes, and how many lines it has."""

    sha256: str
    lines: int

    def to_data(self) -> dict[str, Any]:
        """Plain data for run.json."""
        return asdict(self)

    def told(self, found: Seal) -> str:
        """How a file that holds `found` differs from this seal."""
        if found.lines != self.lines:
            return (
                f"changed since it was written: {found.lines:,} lines, {self.lines:,} were written"
            )
        return "changed since it was written: its hash is not the one in run.json"


class Sealer:
    """Makes the seal of bytes that come piece by piece."""

    def __init__(self) -> None:
        self._hash, self._lines = sha256(), 0

    def update(self, piece: bytes) -> None:
        """Take in the next bytes."""
        self._hash.update(piece)
        self._lines += piece.count(b"\n")

    def seal(self) -> Seal:
        """The seal of all bytes so far."""
        return Seal(sha256=self._hash.hexdigest(), lines=self._lines)


def sealed_text(text: str | bytes) -> Seal:
    """The seal of a whole text."""
    sealer = Sealer()
    sealer.update(text.encode() if isinstance(text, str) else text)
    return sealer.seal()


def seal_of(path: Path) -> Seal:
    """The seal of a file as it is now. Raises Unreadable."""
    sealer = Sealer()
    with open_regular(path) as file:
        while piece := file.read(1 << 20):
            sealer.update(piece)
    return sealer.seal()


def canonical(data: Any, *, indent: int | None = None) -> str:
    """JSON with sorted keys: the same text for the same data."""
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(
        data, ensure_ascii=False, sort_keys=True, indent=indent, separators=separators,
        allow_nan=False,
    )  # fmt: skip


def digest_of(about: Mapping[str, Any]) -> str:
    """The digest of what run.json says, with or without the digest that it holds."""
    said = {key: value for key, value in about.items() if key != "digest"}
    return sha256(canonical(said).encode("utf-8", "surrogatepass")).hexdigest()


def check_about(data: Any) -> None:
    """Raise ValueError, naming the key, where this is nothing that run.json may say."""
    _about_check()(data)


@functools.cache
def _about_check() -> Callable[[Any], object]:
    from pydantic import BaseModel, ConfigDict, Field, ValidationError

    from harness.core.records import what_is_wrong

    class Loose(BaseModel):
        """What later stages use has its type; there is more."""

        model_config = ConfigDict(strict=True, extra="allow")

    class Kept(BaseModel):
        model_config = ConfigDict(strict=True, extra="forbid")
        sha256: str
        lines: int

    class Plan(Loose):
        hash: str | None = None
        answers: int | None = None

    class Named(Loose):
        name: str | None = None
        hash: str | None = None

    class Adapter(Loose):
        folder: str | None = None

    class About(Loose):
        format: int
        started: str | None = None
        finished: str | None = None
        command: str | None = None
        model: str | None = None
        story: str | None = None
        recipe: str | None = None
        sampling: dict[str, int | float | None] = Field(default_factory=dict)
        plan: Plan = Plan()
        world: Named = Named()
        adapter: Adapter = Adapter()
        identity: dict[str, Any] = Field(default_factory=dict)
        warnings: list[str] = Field(default_factory=list)
        files: dict[str, Kept] = Field(default_factory=dict)
        regraded: list[dict[str, Any]] = Field(default_factory=list)
        digest: str | None = None
        verified_from: str | None = None

    def check(data: Any) -> None:
        try:
            About.model_validate(data)
        except ValidationError as error:
            raise ValueError(what_is_wrong(error)) from None

    return check

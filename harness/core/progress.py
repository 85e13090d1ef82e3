"""How far a stage is, told to whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a stage is. `done` and `total` count `unit`; `resumed` of `done` were there."""

    stage: str
    done: int
    total: int
    unit: str = "answers"
    resumed: int = 0
    note: str = ""


OnProgress = Callable[[Progress], None]

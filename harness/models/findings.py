"""What the doctor finds: one line each, with the next step where something is amiss."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from threading import Thread
from typing import Any, Literal, TypeVar

State = Literal["ok", "note", "warning", "broken"]
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at. `broken`: needed, and not to be had; then `advice` is given."""

    area: str  # machine, libraries, hub, model, ...
    name: str
    value: str
    state: State = "note"
    advice: str = ""

    def to_data(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def broken(findings: Iterable[Finding]) -> list[Finding]:
    """Those that something needed depends on."""
    return [one for one in findings if one.state == "broken"]


def within(seconds: float, ask: Callable[[], Result]) -> Result | None:
    """What `ask` returns, or None when it takes longer: a name server may hang for minutes.

    The thread that still waits dies with the process. An error of `ask` counts as no answer.
    """
    got: list[Result] = []

    def run() -> None:
        try:
            got.append(ask())
        except Exception:  # whatever a network may do to a library: there is no answer
            return

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return got[0] if got else None

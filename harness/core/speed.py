"""How fast things went here before, kept so that the next audit's time can be told."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.core.errors import StoreError
from harness.core.files import Unreadable, make_folder, read_object, write_text
from harness.core.paths import home


def remember(what: str, value: float) -> None:
    """Keep a measured `value` (answers per second, or seconds) under the name `what`."""
    kept = _read()
    kept[what] = {"value": round(value, 2), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    with contextlib.suppress(StoreError):  # a home that cannot be written costs only the hint
        make_folder(_path().parent)
        write_text(_path(), json.dumps(kept, indent=2, sort_keys=True) + "\n")


def recall(what: str) -> tuple[float, str] | None:
    """The value kept under `what` and the date it was measured on, or None."""
    found = _read().get(what)
    try:
        return (float(found["value"]), str(found["date"])) if found else None
    except (KeyError, TypeError, ValueError):
        return None


def answers_key(model: str, identity: dict[str, Any]) -> str:
    """Under which name the answers per second of a model on this machine are kept."""
    machine = identity.get("machine", {})
    where = [machine.get("device_name"), f"{machine.get('threads')} threads"]
    return " | ".join(str(part) for part in ("answers/s", model, identity.get("quantisation"),
                                             *where))  # fmt: skip


def adapter_key(model: str, *, story: str, recipe: str) -> str:
    """Under which name the seconds that an adapter's training took are kept."""
    return f"adapter s | {model} | {story} | {recipe}"


def _path() -> Path:
    return home() / "speed.json"


def _read() -> dict[str, Any]:
    """What is kept; nothing where the file is missing or damaged, for it is only a hint."""
    try:
        return read_object(_path())
    except Unreadable:
        return {}

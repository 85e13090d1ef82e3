"""How fast things went here before, kept so that the next audit's time can be told."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.paths import home


def remember(what: str, value: float) -> None:
    """Keep a measured `value` (answers per second, or seconds) under the name `what`."""
    kept = _read()
    kept[what] = {"value": round(value, 2), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    hidden.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    hidden.replace(path)


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
        data = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}

"""A run's source, read again from its folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.core.errors import StoreError
from harness.sources.protocol import Kept, Source
from harness.sources.world import WorldSource, planned_world

DEFAULT = "world"  # of runs that do not say their kind: all before there were others
_KINDS: dict[str, tuple[Callable[[Kept], Source], Callable[[Kept], dict[str, Any]]]] = {
    "world": (WorldSource.read, planned_world),
}


def read_source(run: Kept) -> Source:
    """What a run was audited against. Raises DamageError when its files are not as written.

    Raises StoreError for a kind that this version does not know.
    """
    return _of(run)[0](run)


def planned_source(run: Kept) -> dict[str, Any]:
    """What of a run's source its plan's hash holds, from run.json and the files."""
    return _of(run)[1](run)


def _of(run: Kept) -> tuple[Callable[[Kept], Source], Callable[[Kept], dict[str, Any]]]:
    kind = run.about().get("source", DEFAULT)
    if kind not in _KINDS:
        raise StoreError(
            f"{run.path}: audited against a source of kind {kind!r}, which this version of bordor "
            f"does not know ({', '.join(_KINDS)}): read it with the version that wrote it"
        )
    return _KINDS[kind]

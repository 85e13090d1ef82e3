"""Models that a package of the user's answers for: `scheme:name`.

The package has an entry point in the group `bordor.backends`, whose name is the scheme, and
which is an `OpenBackend` (`harness.backends.factory`). Only what the user types is read so:
a file that names a base never leads here.
"""

from __future__ import annotations

import re
from importlib import metadata

from harness.core.errors import UsageError
from harness.core.redaction import holds_key
from harness.core.specs import ModelSpec

ENTRY_POINTS = "bordor.backends"
_REF = re.compile(r"(?P<scheme>[a-z][a-z0-9_-]+):(?!//)(?P<name>.*)", re.DOTALL)


def schemes() -> dict[str, metadata.EntryPoint]:
    """The schemes of installed packages, by name; nothing is imported."""
    return {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}


def plugged_model(ref: str) -> ModelSpec | None:
    """The specification of `scheme:name` where a package answers for the scheme; else None.

    Raises UsageError for a name that holds a key: it would be written in the run.
    """
    match = _REF.fullmatch(ref)
    if match is None or match["scheme"] not in schemes():
        return None
    if holds_key(ref):
        raise UsageError("a model's name holds no key: it is written in the run")
    return ModelSpec(
        name=f"{match['scheme']}-{match['name'] or 'default'}",
        base=match["name"],
        scheme=match["scheme"],
        context=1,  # the backend counts the tokens
        quantisation="none",
        quantisation_source="assumed",
    )

"""Graders by name: the shipped ones, and those of a user's packages.

A suite's `grader` names one. A package adds one by an entry point in the group
`bordor.graders`: its name is the grader's, and it is a function from a source
(`harness.sources.Source`) to a grader, marked with `protocol.offers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module, metadata
from typing import Any

from harness.core.errors import GradingError, UsageError
from harness.core.specs import did_you_mean
from harness.grading.protocol import Grader

ENTRY_POINTS = "bordor.graders"
DEFAULT = "world"
_SHIPPED = {
    "world": "harness.grading.world.grader:for_source",
    "evidence": "harness.grading.evidence.verdicts:for_source",
    "gold": "harness.grading.equivalence.gold:for_source",
}


@dataclass(frozen=True, kw_only=True)
class Known:
    """A grader by name, and where it is from: "bordor", or the package with its version."""

    name: str
    package: str
    make: Callable[[Any], Grader]

    @cached_property
    def about(self) -> str:
        """The first line that its factory says of itself."""
        return (self.make.__doc__ or "").strip().partition("\n")[0]

    @cached_property
    def version(self) -> str:
        """The version that it makes, as `offers` marked it; "" where nothing says."""
        said = getattr(self.make, "version", "")
        return str(said() if callable(said) else said)


def known_graders() -> Mapping[str, Known]:
    """All graders by name. Raises GradingError for a package's that cannot be loaded."""
    found = {}
    for name, where in _SHIPPED.items():
        module, _, attribute = where.partition(":")
        make = getattr(import_module(module), attribute)
        found[name] = Known(name=name, package="bordor", make=make)
    for point in metadata.entry_points(group=ENTRY_POINTS):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        if point.name in found:
            raise GradingError(
                f"{package}: brings a grader '{point.name}', which {found[point.name].package} "
                "has already: rename one, or remove the package"
            )
        try:
            make = point.load()
        except (ImportError, AttributeError) as error:
            raise GradingError(f"{package}: its grader '{point.name}' fails: {error}") from None
        found[point.name] = Known(name=point.name, package=package, make=make)
    return found


def make_graders(names: Iterable[str], source: Any) -> dict[str, Grader]:
    """The graders of these names for a source. Raises UsageError for an unknown name."""
    known, wanted = known_graders(), tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in known:
            hint = did_you_mean(name, list(known)) or f"; known: {', '.join(known)}"
            raise UsageError(f"no grader '{name}'{hint}")
    return {name: known[name].make(source) for name in wanted}

"""The generators of questions: each registers itself with the specification of its table.

A suite's `[[generator]]` names one. To add a kind of question, put a module into
`harness/suites/generators/`, or into a package of your own with an entry point in the group
`bordor.generators`, that decorates a function with `generates(Spec)`.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from harness.core.errors import SpecError
from harness.core.specs import Strict

ENTRY_POINTS = "bordor.generators"


class GeneratorSpec(Strict):
    """One `[[generator]]` of a suite; subclasses fix `name` to a literal and add parameters."""

    name: str


@dataclass(frozen=True)
class Generator:
    """A kind of question: `ask(material, spec)` yields the candidates of a suite."""

    name: str
    spec: type[GeneratorSpec]
    ask: Callable[[Any, Any], Iterator[Any]]


_registered: dict[str, Generator] = {}
Ask = typing.TypeVar("Ask", bound=Callable[..., Iterator[Any]])


def generates(spec: type[GeneratorSpec]) -> Callable[[Ask], Ask]:
    """Register a function as the generator that `spec.name` names.

    Raises SpecError where the name is no literal, or is taken by another one.
    """
    names = typing.get_args(spec.model_fields["name"].annotation)
    if len(names) != 1:
        raise SpecError(f"{spec.__name__}: 'name' must be a Literal with the generator's name")

    def register(ask: Ask) -> Ask:
        name = str(names[0])
        there = _registered.get(name)
        if there and there.ask.__module__ != ask.__module__:
            raise SpecError(
                f"generator '{name}' of {ask.__module__}: {there.ask.__module__} has it"
            )
        _registered[name] = Generator(name, spec, ask)
        return ask

    return register


def generators() -> Mapping[str, Generator]:
    """All generators by name: the shipped ones, and those of installed packages. SpecError."""
    _load()
    return _registered


@functools.cache
def _load() -> None:
    shipped = importlib.import_module("harness.suites.generators")
    for module in pkgutil.iter_modules(shipped.__path__):
        importlib.import_module(f"{shipped.__name__}.{module.name}")
    for point in metadata.entry_points(group=ENTRY_POINTS):
        try:
            point.load()
        except (ImportError, AttributeError) as error:
            raise SpecError(f"entry point '{point.name}' of {ENTRY_POINTS}: {error}") from None

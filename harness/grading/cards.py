"""Grader cards: how far a grader agreed with people's labels, kept as JSON for every report.

A card holds figures, never a word of the set. The shipped ones lie in `cards/` beside this
module, new ones go to `$BORDOR_HOME/cards/`: whoever tries labels of their own changes nothing
that is shipped. A card there takes the place of a shipped one of the same kind and set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.core.errors import GradingError, StoreError
from harness.core.files import Unreadable, make_folder, read_object, write_text
from harness.core.paths import home

SCHEMA = 1
SHIPPED = Path(__file__).parent / "cards"
FIGURES = ("accuracy", "precision", "recall", "f1", "kappa", "auroc")
_NEEDED = frozenset(
    {"schema", "kind", "set", "grader", "n", "clusters", "intervals", "fitted_on_this_set"}
    | {"date", "command", *FIGURES}
)
# Which kinds of card speak for the verdicts of a grader: all of them where it is not here.
_SPEAK_FOR = {
    "world": ("world", "refusal"),
    "evidence": ("grounding", "claims", "refusal"),
    "equivalence": ("equivalence", "pairs", "refusal"),
}


_Share = Annotated[float, Field(allow_inf_nan=False)]


class _Shape(BaseModel):
    """What reports read of a card."""

    model_config = ConfigDict(strict=True, extra="ignore")

    kind: str
    set: str
    grader: str
    date: str
    n: int
    clusters: int
    fitted_on_this_set: bool
    accuracy: _Share | None
    precision: _Share | None
    recall: _Share | None
    f1: _Share | None
    kappa: _Share | None
    auroc: _Share | None
    intervals: dict[str, Annotated[list[_Share | None], Field(min_length=2, max_length=2)] | None]


def cards_folder() -> Path:
    """Where new cards go: `$BORDOR_HOME/cards`."""
    return home() / "cards"


def write_card(card: Mapping[str, Any], folder: Path) -> Path:
    """Write a card under the name of its kind and set; returns the file.

    card: `grader`, `kind`, `set`, `n`, `clusters`, the figures, `intervals`, `date`,
    `command`, and what else belongs to it. Raises GradingError for a card that lacks one
    of them or for a folder that cannot be written.
    """
    card = {"schema": SCHEMA, **card}
    lacking = sorted(_NEEDED - card.keys())
    if lacking:
        raise GradingError(f"a grader card needs {', '.join(lacking)}")
    name = re.sub(r"[^\w.-]+", "_", f"{card['kind']}_{card['set']}")[:120]
    path = folder / f"{name}.json"
    text = json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    try:
        make_folder(folder)
        write_text(path, text)
    except StoreError as error:
        raise GradingError(
            f"{path}: the grader card cannot be written: {error}; name another folder with --cards"
        ) from None
    return path


def read_cards(folders: Iterable[Path] | None = None) -> list[dict[str, Any]]:
    """All cards, by kind and set; by default the shipped ones and those in `$BORDOR_HOME/cards`.

    Raises GradingError naming the file that is no card.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for folder in (SHIPPED, home() / "cards") if folders is None else folders:
        for path in sorted(folder.glob("*.json")):
            card = _read(path)
            found[(card["kind"], card["set"])] = card
    return [found[key] for key in sorted(found)]


def cards_for(graders: Iterable[str], cards: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a report quotes of the cards that speak for these graders ("world@1")."""
    kinds: set[str] = set()
    for name in graders:
        known = _SPEAK_FOR.get(name.partition("@")[0])
        if known is None:
            return [_quoted(card) for card in cards]
        kinds.update(known)
    return [_quoted(card) for card in cards if card["kind"] in kinds]


def _quoted(card: Mapping[str, Any]) -> dict[str, Any]:
    named = ("grader", "kind", "set", "n", "clusters", *FIGURES, "fitted_on_this_set", "date")
    return {**{name: card[name] for name in named}, "intervals": dict(card["intervals"])}


def _read(path: Path) -> dict[str, Any]:
    try:
        card = read_object(path)
    except Unreadable as error:
        raise GradingError(f"{path}: no grader card: {error}; remove the file") from None
    lacking = sorted(_NEEDED - card.keys())
    what = f"lacks {', '.join(lacking)}" if lacking else f"schema {card['schema']}"
    if not lacking and card["schema"] == SCHEMA:
        try:
            _Shape.model_validate(card)
        except ValidationError as error:
            first = error.errors()[0]
            what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        else:
            return card
    raise GradingError(
        f"{path}: no grader card of this version ({what}); measure again with "
        "'bordor validate', or remove the file"
    )

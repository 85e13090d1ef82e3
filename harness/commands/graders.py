"""`bordor graders`: who can say what an answer is, and how well that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from harness.commands.common import SuitePath, print_table


def graders(suite_path: SuitePath = None) -> None:
    """List the graders: what each does, which suites name it, and its measured kappa."""
    rows = grader_rows(suite_path or ())
    print_table(("grader", "version", "from", "does", "suites", "kappa on labelled sets"), rows)
    typer.echo(
        'a suite names its grader: grader = "NAME"; cards: bordor validate, docs/validate.md'
    )


def grader_rows(suite_paths: Sequence[Path]) -> list[list[Any]]:
    """A row for every grader that is installed. Raises GradingError, SpecError."""
    from harness.grading.cards import cards_for, read_cards
    from harness.grading.registry import known_graders
    from harness.suites import list_suites

    suites, cards = list_suites(suite_paths), read_cards()
    rows = []
    for one in known_graders().values():
        named = [suite.id for suite in suites if suite.grader == one.name]
        spoken = cards_for([one.version or one.name], cards) if one.package == "bordor" else []
        measured = [_measured(card) for card in spoken if card["kappa"] is not None]
        rows.append([
            one.name, one.version, one.package, one.about, f"{len(named)}" if named else "",
            "\n".join(measured),
        ])  # fmt: skip
    return rows


def _measured(card: Mapping[str, Any]) -> str:
    """A card in one line: what was read, the set, kappa and the number of labels."""
    name = str(card["set"]).removeprefix(f"{card['kind']}_")
    return f"{card['kappa']:.2f} {card['kind']}, {name} ({card['n']:,})"

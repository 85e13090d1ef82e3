"""`bordor doctor`: what this machine offers, and what a model would need of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.common import Base, open_console

if TYPE_CHECKING:
    from harness.models.findings import Finding

_STYLES = {"ok": "green", "note": "dim", "warning": "yellow", "broken": "bold red"}


def doctor(
    model: Annotated[
        str | None,
        typer.Argument(
            help="The model, as for 'bordor audit'; without one, only the machine is examined."
        ),
    ] = None,
    quantisation: Annotated[
        str | None, typer.Option(help="nf4, fp4, int8 or none, as for 'bordor audit'.")
    ] = None,
    base: Base = None,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="MODEL is whole; no adapter will be trained on it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look whether this machine is fit for audits, and for an audit of MODEL.

    Exit codes: 0 all that is needed works, 1 something needed is broken.
    """
    from harness.models.doctor import diagnose
    from harness.models.findings import broken
    from harness.prompts.variants import load_variants, render_variant

    chats = {one.id: render_variant("Who is there?", one, seed=0) for one in load_variants()}
    found = diagnose(model, quantisation=quantisation, base=base, as_is=as_is, chats=chats)
    bad = broken(found)
    if as_json:
        data = {"fit": not bad, "findings": [one.to_data() for one in found]}
        typer.echo(json.dumps(data, indent=1, ensure_ascii=False))
    else:
        _print(found)
    raise typer.Exit(1 if bad else 0)


def _print(found: Sequence[Finding]) -> None:
    from harness.models.findings import broken
    from harness.report.clean import printable

    console = open_console()
    shown = [one for one in found if one.value]
    if console.is_terminal:
        _print_table(shown)
    else:  # one line each, for logs and grep
        for one in shown:
            line = f"{one.state:8} {one.area}: {one.name}: {one.value}"
            line += f" -> {one.advice}" * bool(one.advice)
            typer.echo(printable(line.replace("\n", " ")))
    bad = broken(found)
    names = ", ".join(one.name for one in bad)
    typer.echo(f"broken: {names}" if bad else "all that is needed works")


def _print_table(found: Sequence[Finding]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from harness.report.clean import printable

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for header in ("", "", "found", ""):
        table.add_column(header, overflow="fold")
    area = ""
    for one in found:
        style = _STYLES[one.state]
        value = escape(printable(one.value))
        if one.advice:
            value += f"\n[yellow]{escape(printable(one.advice))}[/yellow]"
        shown = "" if one.area == area else one.area
        table.add_row(shown, escape(one.name), value, f"[{style}]{one.state}[/{style}]")
        area = one.area
    open_console().print(table)

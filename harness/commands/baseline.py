"""`bordor baseline set RUN` and `bordor baseline show`."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.commands.common import Out, Run, find_run, print_table, told

baseline = typer.Typer(
    name="baseline", help="Pin the run that a gate compares with.", no_args_is_help=True
)


@baseline.command("set")
@told
def set_baseline(run: Run, out: Out = Path("reports")) -> None:
    """Pin a finished run as the baseline."""
    from harness.runs.baseline import FILE, pin

    pin(find_run(run, out), out)
    typer.echo(str(out / FILE))


@baseline.command("show")
@told
def show_baseline(out: Out = Path("reports")) -> None:
    """Show the pinned baseline."""
    from harness.runs.baseline import read_pin

    print_table(("baseline", ""), [[key, value] for key, value in read_pin(out).items()])

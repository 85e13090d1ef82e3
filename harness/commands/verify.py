"""`bordor verify`: is a run folder whole, and as it was written?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import Out, Run, find_run, print_table


def verify(
    run: Run,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    out: Out = Path("reports"),
) -> None:
    """Say of every file of a run whether it is as it was written, and whether all fit.

    Exit codes: 0 the run is whole, 1 it is not.
    """
    from harness.runs.verify import verify as verify_run

    path = find_run(run, out)
    found = verify_run(path)
    whole = all(one.wrong is None for one in found)
    if as_json:
        files = [asdict(one) for one in found]
        typer.echo(json.dumps({"run": str(path), "whole": whole, "files": files}, indent=2))
    else:
        print_table(("file", "state"), [[one.file, one.wrong or "ok"] for one in found])
        typer.echo("whole" if whole else "not whole")
    raise typer.Exit(0 if whole else 1)

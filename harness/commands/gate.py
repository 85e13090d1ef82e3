"""`bordor gate`: may the candidate replace the baseline? The answer is the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import Out, Seeds, noter, open_console, renamed
from harness.commands.sides import (
    AsIs,
    Asked,
    Limit,
    Recipe,
    Samples,
    Story,
    check_sides,
    one_run,
)
from harness.core.errors import UsageError


def gate(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="[BASELINE] CANDIDATE",
            help="Runs or models; the pinned baseline where one is named ('bordor baseline').",
        ),
    ],
    policy: Annotated[
        str, typer.Option(help="A shipped policy, or a .toml file (docs/gate.md).")
    ] = "release",
    story: Story = None,
    recipe: Recipe = None,
    samples: Samples = None,
    seeds: Seeds = None,
    limit: Limit = None,
    as_is: AsIs = False,
    out: Out = Path("reports"),
    to: Annotated[
        Path | None,
        typer.Option(help="Where gate.json, gate.md, junit.xml go.", show_default="OUT/gate/..."),
    ] = None,
) -> None:
    """Test a candidate against a baseline: does it hallucinate or refuse more?

    Exit codes: 0 pass, 100 failed, 101 underpowered, 102 incomplete, 1 error, 2 usage.
    """
    from harness.decision.gate import gate as gate_runs
    from harness.decision.policy import load_policy
    from harness.models.resident import Resident
    from harness.report.gate_outputs import print_gate
    from harness.runs.baseline import pinned

    if len(runs) > 2:
        raise UsageError(f"a gate takes a baseline and a candidate, not {len(runs)} runs")
    rules = load_policy(policy)  # a wrong policy is told before anything is audited
    asked = Asked(
        out=out,
        story=story,
        recipe=recipe,
        samples=renamed(samples, seeds),
        limit=limit,
        as_is=as_is,
    )
    check_sides(runs, asked)
    resident = Resident()
    baseline = one_run(runs[0], asked, resident=resident) if len(runs) == 2 else pinned(out)
    candidate = one_run(runs[-1], asked, resident=resident)
    resident.release()
    found = gate_runs(baseline, candidate, rules, out=out, to=to)
    print_gate(found.data, open_console())
    typer.echo(f"\n{found.folder / 'gate.md'}")
    if found.unwritten:
        noter(open_console(err=True))(f"bordor: warning: {found.unwritten}")
    raise typer.Exit(found.exit_code)

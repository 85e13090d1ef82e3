"""`bordor compare`: does one model hallucinate less than another?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import Out, Seeds, open_console, renamed
from harness.commands.sides import (
    AsIs,
    Asked,
    Limit,
    Recipe,
    Ref,
    Samples,
    Story,
    check_sides,
    one_run,
    seeded_runs,
)


def compare(
    first: Ref,
    second: Ref,
    margin: Annotated[
        float, typer.Option(help="Difference of rates within which two models count as equal.")
    ] = 0.05,
    train_seeds: Annotated[
        int,
        typer.Option(
            min=1,
            help="Adapters on each side, trained from as many seeds: compares recipes or sizes "
            "and not two checkpoints.",
        ),
    ] = 1,
    story: Story = None,
    recipe: Recipe = None,
    samples: Samples = None,
    seeds: Seeds = None,
    limit: Limit = None,
    as_is: AsIs = False,
    out: Out = Path("reports"),
    to: Annotated[
        Path | None, typer.Option(help="Where the report goes.", show_default="OUT/compare/...")
    ] = None,
) -> None:
    """Compare two runs or models, paired by question and variant, and write the report."""
    from harness.decision.compare import compare as compare_runs
    from harness.models.resident import Resident
    from harness.report.compare_terminal import print_comparison

    asked = Asked(
        out=out,
        story=story,
        recipe=recipe,
        samples=renamed(samples, seeds),
        limit=limit,
        as_is=as_is,
    )
    check_sides((first, second), asked, train_seeds=train_seeds)
    resident = Resident()
    if train_seeds > 1:
        sides = [seeded_runs(ref, train_seeds, asked, resident=resident) for ref in (first, second)]
    else:
        sides = [[one_run(ref, asked, resident=resident)] for ref in (first, second)]
    resident.release()
    found = compare_runs(sides[0], sides[1], out=out, margin=margin, to=to)
    print_comparison(found.data, open_console())
    typer.echo(f"\n{found.folder / 'compare.html'}")

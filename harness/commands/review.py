"""`bordor review`: answers for a person to label, and the labels taken back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.commands.common import Run, find_run, print_table
from harness.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


def review(
    run: Run,
    n: Annotated[int, typer.Option("--n", min=1, help="How many answers to draw.")] = 200,
    kind: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Format of the file: csv or jsonl.",
            show_default="as FILE ends, else csv",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of the draw.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Where the answers go.",
            show_default="review/to_label.csv in the run folder",
        ),
    ] = None,
    take: Annotated[
        Path | None,
        typer.Option("--take", metavar="FILE", help="Take a labelled file back instead."),
    ] = None,
    by: Annotated[str | None, typer.Option(help="With --take: who labelled it.")] = None,
    runs: Annotated[Path, typer.Option(help="Where run folders are.", file_okay=False)] = Path(
        "reports"
    ),
) -> None:
    """Write a sample of a run's answers, without verdicts, for a person to label.

    With --take FILE --by NAME: take the labels back, print how far the grader agrees with
    people, and write the reports again with the rates corrected.
    """
    path = find_run(run, runs)
    if take is None:
        if by is not None:
            raise UsageError("--by says who labelled: it goes with --take FILE")
        _write(path, n=n, kind=kind, seed=seed, out=out)
        return
    if by is None:
        raise UsageError("--take needs --by NAME: labels are kept with who gave them")
    if out is not None:
        raise UsageError("--out goes with writing a sample, not with --take")
    _take(path, take, by)


def _write(path: Path, *, n: int, kind: str | None, seed: int, out: Path | None) -> None:
    from harness.core.records import Verdict
    from harness.review import KINDS, write_sample

    if kind is None:
        kind = "jsonl" if out is not None and out.suffix.lower() == ".jsonl" else "csv"
    if kind not in KINDS:
        raise UsageError(f"--format is '{kind}'; known: {', '.join(KINDS)}")
    written = write_sample(path, n=n, kind=kind, seed=seed, to=out)
    typer.echo(
        f"{written.lines:,} answers of {written.strata} strata (suite and verdict), drawn from "
        f"{written.answers:,}.\nWrite one of {', '.join(Verdict)} in column 'label', then:\n"
        f"bordor review {path} --take {written.path} --by NAME\n\n{written.path}"
    )


def _take(path: Path, file: Path, by: str) -> None:
    from harness.review import take_labels

    taken, summary = take_labels(path, file, by=by)
    typer.echo(
        f"labels of {by}: {taken.new:,} new, {taken.changed:,} changed, {taken.same:,} as before; "
        f"{taken.empty:,} lines without a label"
    )
    found = summary["corrected"]
    if found is None or not found["same_run"]:
        typer.echo("no label of this sample says anything of a scored answer: nothing to correct")
    else:
        _print_agreement(found)
        _print_rates(found)
    typer.echo(f"\n{path / 'report.html'}")


def _print_agreement(found: Mapping[str, Any]) -> None:
    from harness.report.corrected_words import agreement_lines, confusion

    for line in agreement_lines(found):
        typer.echo(line)
    if found["agreement"]:
        header, rows = confusion(found["agreement"]["table"])
        print_table(header, rows)


def _print_rates(found: Mapping[str, Any]) -> None:
    from harness.report.corrected_words import HEADER, rate_rows

    print_table(HEADER, [list(row) for row in rate_rows(found)])

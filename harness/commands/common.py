"""What the commands share: error messages, consoles, tables, runs by name."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from harness.core.errors import BordorError, UsageError, first_line

if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., Any])
INTERRUPTED = 130  # as shells number a process that SIGINT ended
RUN_HELP = "A run folder, as 'bordor ls' lists them; a part of its name is enough."

Seeds = Annotated[int | None, typer.Option("--seeds", min=0, hidden=True)]
SuitePath = Annotated[
    list[Path] | None,
    typer.Option(
        "--suite-path",
        help="A folder with suites of your own (<id>.toml), beside the shipped ones. Repeatable.",
    ),
]
Out = Annotated[Path, typer.Option(help="Where run folders go.", file_okay=False)]
Model = Annotated[
    str,
    typer.Argument(
        help="A name from 'bordor models', a model or adapter folder, a hub id, or a model on a "
        "server, openai:http://host:port/v1#name."
    ),
]
Run = Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP)]
Concurrency = Annotated[
    int | None, typer.Option(min=1, help="Requests at a time to a server.", show_default="8")
]
Timeout = Annotated[
    float | None,
    typer.Option(min=0.1, help="Seconds without a byte from a server.", show_default="120"),
]
Base = Annotated[
    str | None,
    typer.Option(
        help="Of an adapter folder: the base it goes on, in place of the one it names. Of a model "
        "on a server: its base's name there, asked as control."
    ),
]


def told(command: Command) -> Command:
    """Turn Bordor's own errors into a message and an exit code, and an interrupt into 130."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        if isinstance(sys.stdout, TextIOWrapper):  # a path may hold what no encoding has
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            return command(*arguments, **options)
        except BordorError as error:  # it may repeat what a foreign file or a server said
            from harness.core.redaction import without_keys
            from harness.report.clean import printable

            typer.echo(f"bordor: {printable(without_keys(str(error)))}", err=True)
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:  # whoever reads the output has gone, as `head` does
            raise typer.Exit(1) from None
        except OSError as error:  # what no specific message told: a place or a disk
            where = f"{str(error.filename)[:300]}: " if error.filename else ""
            typer.echo(
                f"bordor: {printable_line(where + (error.strerror or str(error)))}", err=True
            )
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            typer.echo("\nbordor: stopped; run the same command again to resume", err=True)
            raise typer.Exit(INTERRUPTED) from None

    return wrapped  # type: ignore[return-value]


def printable_line(text: str) -> str:
    """A message of another library, safe for a terminal."""
    from harness.report.clean import printable

    return printable(text)


def show_summary(path: Path) -> None:
    """Print the summary of a run and, last, where its report is."""
    from harness.report.schema import read_summary
    from harness.report.terminal import print_summary
    from harness.runs.layout import SUMMARY
    from harness.runs.store import RunFolder
    from harness.runs.verify import check_summary

    run, console = RunFolder.open(path), open_console()
    try:
        check_summary(run)
        print_summary(read_summary(run), console)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise run.damaged(SUMMARY, f"holds no summary: {first_line(error)}") from None
    typer.echo(f"\n{path / 'report.html'}")


def find_run(ref: str, out: Path) -> Path:
    """The run that `ref` names: a folder, or the only one under `out` whose path holds it.

    Raises UsageError when it fits no run, or several.
    """
    if Path(ref).is_dir():
        return Path(ref)
    found = fitting_runs(ref, out)
    if not found:
        raise UsageError(f"no run '{ref}' in {out}; 'bordor ls' lists the runs there are")
    return only_run(ref, found)


def fitting_runs(ref: str, out: Path) -> list[Path]:
    """The runs under `out` whose path holds `ref`, oldest first."""
    from harness.runs.layout import list_runs

    return [path for path in list_runs(out) if ref in str(path)]


def only_run(ref: str, found: list[Path]) -> Path:
    """The one run in `found`. Raises UsageError when `ref` fits several."""
    if len(found) == 1:
        return found[0]
    shown = "\n  ".join(str(path) for path in found[-5:])
    raise UsageError(f"'{ref}' fits {len(found)} runs, name one of them:\n  {shown}")


def split_names(text: str | None) -> tuple[str, ...]:
    """The parts of a list with commas between; empty ones are left out."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def open_console(*, err: bool = False) -> Console:
    """The terminal; 100 columns wide where it has no width of its own."""
    from rich.console import Console

    console = Console(stderr=err)
    # A log has no width of its own: wide enough for the tables, whatever pipe it is.
    return console if console.is_terminal else Console(stderr=err, width=100)


def noter(console: Console) -> Callable[[str], None]:
    """A function that prints one note, as it is but for what would steer the terminal."""
    from harness.core.redaction import without_keys
    from harness.report.clean import printable

    return lambda text: console.print(
        printable(without_keys(text)), markup=False, highlight=False, soft_wrap=True
    )


def print_table(headers: tuple[str, ...], rows: list[list[Any]]) -> None:
    """Print a table; every cell is shown as plain text."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from harness.report.clean import printable

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(escape("" if cell is None else printable(str(cell))) for cell in row))
    open_console().print(table)


def renamed(samples: int | None, seeds: int | None) -> int | None:
    """What --samples says, or --seeds, its name until version 0.2. Raises UsageError for both."""
    if seeds is None:
        return samples
    if samples is not None:
        raise UsageError("--seeds is the old name of --samples: say one of them")
    typer.echo("bordor: warning: --seeds is called --samples now", err=True)
    return seeds

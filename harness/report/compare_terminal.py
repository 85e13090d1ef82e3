"""The table at the end of `make compare`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.report import compare_words as words
from harness.report.clean import printable

if TYPE_CHECKING:
    from rich.console import Console


def print_comparison(data: Mapping[str, Any], console: Console) -> None:
    """Print headline, sides, the table of suites, other rates, flips and warnings."""
    console.print()
    console.print(f"[bold]{_safe(data['headline'])}[/bold]")
    for line in words.sides(data):
        console.print(f"[dim]{_safe(line)}[/dim]")
    metrics = data["differences"].get(data["kind"] or "", {})
    main = metrics.get("hallucination")
    if main:
        kind = data["kind"]
        rows = words.rows(data, kind, "hallucination", "suites")
        _print_table(f"hallucinated, {kind}", rows, console)
        others = [
            (data["metrics"][name]["title"], *line[1:])
            for name in words.METRICS[1:] if name in metrics
            for line in words.rows(data, kind, name, "overall")
        ]  # fmt: skip
        _print_table("other rates, all suites", others, console)
        _print_table("variant, all suites",
                     words.rows(data, kind, "hallucination", "variants"), console)  # fmt: skip
        console.print(f"[dim]{_safe(words.MEANING)}[/dim]")
        console.print(f"[dim]{_safe(words.left_out(main))}[/dim]")
    components = words.component_rows(data)
    if components:
        _print_cells(words.COMPONENTS_HEADER, components, console)
        console.print(f"[dim]{_safe(words.COMPONENTS_MEANING)}[/dim]")
    console.print()
    for line in [*words.flip_lines(data), *words.time_lines(data), *data["notes"]]:
        console.print(_safe(line))
    for warning in data["warnings"]:
        console.print(f"[yellow]warning:[/yellow] {_safe(warning)}")


COLOURS = {words.BETTER: "green", words.WORSE: "red"}


def _print_table(title: str, rows: list[tuple[str, ...]], console: Console) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False)
    for place, header in enumerate((title, "first", "second", "difference", "p", "detect-\nable",
                                    "said\nnothing", "so")):  # fmt: skip
        left = place in (0, 7)
        table.add_column(header, justify="left" if left else "right", no_wrap=not left,
                         overflow="fold")  # fmt: skip
    for shown in rows:
        *cells, last = shown
        colour = COLOURS.get(words.side_of(last))
        so = f"[{colour}]{_safe(last)}[/{colour}]" if colour else _safe(last)
        table.add_row(*(_safe(cells[i]) for i in (0, 3, 4, 5, 6, 7, 8)), so)
    console.print(table)


def _print_cells(header: tuple[str, ...], rows: list[tuple[str, ...]], console: Console) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False)
    for place, title in enumerate(header):
        table.add_column(title, justify="left" if place == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(_safe, row))
    console.print(table)


def _safe(text: str) -> str:
    from rich.markup import escape

    return escape(printable(text))

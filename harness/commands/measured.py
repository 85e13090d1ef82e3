"""A measured grader on the terminal: figures with intervals, confusion table, worst errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.report.clean import one_line, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from harness.validation.validate import Measured, Mistake

FIGURES = {"accuracy": "accuracy", "precision": "precision", "recall": "recall", "f1": "F1",
           "kappa": "kappa", "auroc": "AUROC"}  # fmt: skip
# The texts of an item, in the order they are read; a passage may be long and comes cut.
TEXTS = ("prompt", "question", "gold", "a", "b", "claim", "passages", "response", "answer")
WIDEST = 300  # characters of a text that are shown


def print_measured(one: Measured, console: Console, *, worst: int) -> None:
    """Print one set: fits 80 columns; texts are shown as they are, never as markup."""
    labelled, data = one.labelled, one.to_data()
    console.print()
    title = f"--{labelled.kind} {labelled.stem}"
    drawn = f" of {labelled.sampled_from:,}" if labelled.sampled_from else ""
    about = f"{data['n']:,} items, {data['clusters']:,}{drawn} clusters, grader {one.grader}"
    console.print(f"[bold]{_safe(title)}[/bold]  [dim]{_safe(about)}[/dim]")
    classes = f"positive: {labelled.positive}; negative: {labelled.negative}"
    console.print(f"[dim]{_safe(classes)}[/dim]")
    if one.fitted:
        console.print("[yellow]the grader was fitted on this set: no measure of its skill[/yellow]")
    console.print(_figures(data))
    console.print(_confusion(data))
    for line in _more(data):
        console.print(_safe(line), highlight=False)
    if one.mistakes and worst:
        shown = min(worst, len(one.mistakes))
        console.print(f"\nthe surest {shown} of {len(one.mistakes):,} errors")
        for mistake in one.mistakes[:worst]:
            _print_mistake(mistake, console)


def _safe(text: str) -> str:
    from rich.markup import escape

    return escape(printable(text))


def _figures(data: Mapping[str, Any]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False)
    table.add_column("")
    for title in FIGURES.values():
        table.add_column(title, justify="right", no_wrap=True)
    rows = {"all": data, **data.get("by", {}).get("set", {})}
    for name, figures in rows.items():
        limits = figures["intervals"]
        table.add_row(_safe(one_line(name, width=16)), *(_value(figures[key]) for key in FIGURES))
        table.add_row("[dim]95%[/dim]", *(f"[dim]{_limits(limits[key])}[/dim]" for key in FIGURES))
    return table


def _value(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _limits(limits: Sequence[float] | None) -> str:
    return "–" if limits is None else f"{limits[0]:.2f} {limits[1]:.2f}"


def _confusion(data: Mapping[str, Any]) -> Table:
    from rich import box
    from rich.table import Table

    cells = data["confusion"]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False)
    table.add_column("labelled \\ said")
    table.add_column("positive", justify="right")
    table.add_column("negative", justify="right")
    for name, keys in (
        (data["positive"], ("true_positive", "false_negative")),
        (data["negative"], ("false_positive", "true_negative")),
    ):
        table.add_row(_safe(name), *(f"{cells[key]:,}" for key in keys))
    return table


def _more(data: Mapping[str, Any]) -> list[str]:
    """The figures that only some kinds have, a line each."""
    lines = []
    for name, found in data.get("length", {}).items():
        title = name.replace("_", " ").replace("auroc", "AUROC")
        lines.append(f"{title}: {_value(found['value'])} [{_limits(found['interval'])}]")
    for unit, found in data.get("correlation", {}).items():
        lines.append(
            f"correlation per {unit}: {_value(found['value'])} [{_limits(found['interval'])}], "
            f"{found['n']:,} of them"
        )
    if "spans" in data:
        spans = data["spans"]
        figures = ", ".join(f"{key} {_value(spans[key])}" for key in ("precision", "recall", "f1"))
        lines.append(f"spans, by characters: {figures}")
    return lines


def _print_mistake(mistake: Mistake, console: Console) -> None:
    item, judged = mistake.item, mistake.judged
    head = f"line {item.line}: labelled {item.label}, score {judged.score:.2f}"
    reason = f" ({one_line(judged.reason, width=100)})" if judged.reason else ""
    console.print(f"[yellow]{_safe(head)}[/yellow]{_safe(reason)}", highlight=False)
    for name in TEXTS:
        value = getattr(item, name, None)
        if value:
            text = value if isinstance(value, str) else " | ".join(value)
            shown = _safe(one_line(text, width=WIDEST))
            console.print(f"  [dim]{name}:[/dim] {shown}", highlight=False)

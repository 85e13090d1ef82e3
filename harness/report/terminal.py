"""The table at the end of `make audit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.report.clean import (
    area,
    card_cells,
    denominators,
    heard,
    in_order,
    interval,
    printable,
    rate,
    starred,
)
from harness.report.corrected_words import short
from harness.report.silence import cause_rows, ended_words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_summary(summary: Mapping[str, Any], console: Console) -> None:
    """Print headline, table of suites, overall rates, drift and warnings; fits 80 columns."""
    headline = summary["headline"]
    console.print()
    console.print(f"[bold]{_safe(headline['sentence'])}.[/bold]")
    if "n" in headline:
        where = f"{headline['suite']}, {headline['kind']}: {denominators(headline)}"
        console.print(f"[dim]{_safe(where)}[/dim]")
    console.print()
    console.print(_suite_table(summary))
    console.print(
        "[dim]hallucinated, refused, silent (said nothing): of scored answers; of answ.: "
        "hallucinated of hallucinated or grounded; correct: of scored answers to questions "
        "whose answer was told. Sampled at temperature, 95% intervals over clusters "
        "(entities asked about). greedy: hallucinated, one answer each; base: the same "
        "without the adapter; *: more than 5% of these answers said nothing.[/dim]"
    )
    console.print()
    console.print(_lines(summary))
    if summary["warnings"]:
        console.print()
    for warning in summary["warnings"]:
        console.print(f"[yellow]warning:[/yellow] {_safe(warning)}")


def _safe(text: str) -> str:
    from rich.markup import escape

    return escape(printable(text))


def _suite_table(summary: Mapping[str, Any]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_footer=True)
    overall = summary["overall"]
    sampled = overall["sampled"]
    footers = ("[bold]all suites[/bold]", str(summary["counts"]["questions"]),
               str(summary["counts"]["clusters"]),
               f"[bold]{interval(heard(sampled, 'hallucination'))}[/bold]",
               rate(sampled.get("hallucinated_of_answered")), rate(heard(sampled, "refused")),
               rate(sampled.get("unresponsive")), rate(sampled.get("correct")),
               starred(overall["greedy"]), starred(overall["control"]))  # fmt: skip
    headers = ("suite", "ques-\ntions", "clus-\nters", "hallucinated", "of\nansw.",
               "re-\nfused", "si-\nlent", "cor-\nrect", "gree-\ndy", "base")  # fmt: skip
    for header, footer in zip(headers, footers, strict=True):
        left = header == "suite"
        table.add_column(header, footer=footer, justify="left" if left else "right",
                         no_wrap=not left, overflow="fold")  # fmt: skip
    for name, suite in in_order(summary["suites"]):
        found = suite["sampled"]
        table.add_row(
            _safe(name),
            str(suite["questions"]),
            str(suite["clusters"]),
            interval(heard(found, "hallucination")),
            rate(found.get("hallucinated_of_answered")),
            rate(heard(found, "refused")),
            rate(found.get("unresponsive")),
            rate(found.get("correct")),
            starred(suite["greedy"]),
            starred(suite["control"]),
        )
    return table


def _lines(summary: Mapping[str, Any]) -> Table:
    """The rates under the table: label, interval, denominators."""
    from rich.table import Table

    overall, floor = summary["overall"]["sampled"], summary["noise_floor"] or {}
    drift = summary["drift"]
    rows = [
        ("all suites, hallucinated", heard(overall, "hallucination"), "answers"),
        ("  of those that responded", overall.get("hallucination_of_responded"), "answers"),
        ("  of those that answered", overall.get("hallucinated_of_answered"), "answers"),
        ("answered", overall.get("answered"), "answers"),
        ("said nothing", overall.get("unresponsive"), "answers"),
        ("fabrication", heard(overall, "fabrication"), "answers"),
        ("  of those that responded", overall.get("fabrication_of_responded"), "answers"),
        ("false refusal", heard(overall, "false_refusal"), "answers"),
        ("off scope", heard(overall, "off_scope"), "answers"),
        ("drift over seeds", drift["seeds"]["overall"], "pairs"),
        ("drift over variants", drift["variants"]["overall"], "pairs"),
        ("noise floor, tokens", floor.get("tokens"), "requests"),
        ("noise floor, verdicts", floor.get("verdict"), "requests"),
    ]
    lines = Table.grid(padding=(0, 2))
    for label, found, of in rows:
        if found:
            counted = f"[dim]{denominators(found, of=of)}[/dim]"
            lines.add_row(label, _safe(interval(found)), counted)
        if label == "said nothing":
            for row in response_lines(summary):
                lines.add_row(*map(_safe, row[:2]), f"[dim]{_safe(row[2])}[/dim]")
    for row in corrected_lines(summary):
        lines.add_row(*map(_safe, row[:2]), f"[dim]{_safe(row[2])}[/dim]")
    for row in _drift_lines(summary):
        lines.add_row(*map(_safe, row[:2]), f"[dim]{_safe(row[2])}[/dim]")
    lines.add_row("grader", _safe(summary["grader"]), f"[dim]{_safe(summary['calibration'])}[/dim]")
    for card in summary.get("graders", ()):  # a run of before has none
        _, measured_on, labels, _, kappa, *_ = card_cells(card)
        lines.add_row(
            f"  {_safe(measured_on)}", _safe(kappa), f"[dim]kappa with {_safe(labels)}[/dim]"
        )
    return lines


def response_lines(summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Why answers say nothing or cannot be read, thinking, and what ended them, a line each."""
    found = (summary.get("responses") or {}).get("audited")  # a run of before has none
    if not found:
        return []
    rows = [(f"  {cause}", f"{count} answers", happened)
            for cause, count, happened, _ in cause_rows(found)]  # fmt: skip
    if found["thought"]:
        of = f"{found['thought']:,} of {found['answers']:,} answers"
        rows.append(("thinking taken off", of, "before they were graded"))
    rows.append(("ended by", f"{found['answers']:,} answers", ended_words(found)))
    return rows


def corrected_lines(summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The rate over all suites corrected by people's labels, and their agreement, a line each."""
    found = summary.get("corrected")  # a run of before has none
    if not found:
        return []
    overall = found["overall"]
    where = "this run" if found["same_run"] else found["run"]
    about = f"{overall['method'] or overall['reason']}, {found['labels']:,} labels of {where}"
    rows = [("  corrected by people", short(overall), about)]
    if found["agreement"]:
        kappa = found["agreement"]["hallucinated"]["kappa"]["value"]
        shown = "–" if kappa is None else f"{kappa:.2f}"
        rows.append(("  grader against them", shown, "kappa, hallucinated or not"))
    return rows


def _drift_lines(summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Worst wording, where the scatter comes from, and the best warning signal, a line each."""
    rows = []
    spread = summary.get("spread") or {}  # a run of before has none
    if spread:
        suite, one = max(spread.items(), key=lambda item: (item[1]["spread"], item[0]))
        rates = f"{one['rates'][one['worst']]:.2f} to {one['rates'][one['best']]:.2f}"
        rows.append(("widest over variants", rates, f"{suite}: {one['worst']} to {one['best']}"))
    sources = (summary.get("components") or {}).get("overall")
    if sources:
        parts = {name: f"{part['share']:.0%}" for name, part in sources["components"].items()}
        first, *others = sorted(parts, key=lambda name: -sources["components"][name]["share"])
        rest = ", ".join(f"{name} {parts[name]}" for name in others)
        rows.append(("variance comes from", f"{first} {parts[first]}", rest))
    signals = (summary.get("signals") or {}).get(summary["headline"]["kind"]) or {}
    if signals:
        name = min(signals, key=lambda signal: (signals[signal]["aurc"]["value"], signal))
        title = summary["signals"]["about"][name]["title"]
        rows.append(("best warning signal", area(signals[name]["auroc"]), f"AUROC of {title}"))
    return rows

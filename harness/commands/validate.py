"""`bordor validate`: measure the graders on labelled answers, show and keep the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.common import open_console

Files = list[Path] | None


def validate(
    refusal: Annotated[
        Files, typer.Option(help="Answers that decline or not: prompt, response, label.")
    ] = None,
    grounding: Annotated[
        Files,
        typer.Option(help="Answers from passages: question, passages, response, label, spans."),
    ] = None,
    claims: Annotated[
        Files,
        typer.Option(help="Claims: claim, label, article_id (X_articles.jsonl beside) or passage."),
    ] = None,
    equivalence: Annotated[
        Files, typer.Option(help="Short answers: question, gold, answer, label.")
    ] = None,
    pairs: Annotated[
        Files, typer.Option(help="Pairs: a, b, label; or an --equivalence file to pair up.")
    ] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here.", dir_okay=False)
    ] = None,
    cards: Annotated[
        Path | None,
        typer.Option(help="Where grader cards go. [default: where every report finds them]"),
    ] = None,
    worst: Annotated[
        int, typer.Option(min=0, help="How many of the surest errors to show, per set.")
    ] = 5,
) -> None:
    """Measure the graders on labelled answers in JSONL files, and keep grader cards.

    Flags repeat. Formats: docs/validate.md.
    """
    from harness.commands.measured import print_measured
    from harness.grading.cards import cards_folder
    from harness.progress import ProgressDisplay
    from harness.store import write_json
    from harness.validate import keep_card, to_data
    from harness.validate import validate as measure_all

    files = {
        "refusal": refusal, "grounding": grounding, "claims": claims,
        "equivalence": equivalence, "pairs": pairs,
    }  # fmt: skip
    if json_out:
        json_out.parent.mkdir(parents=True, exist_ok=True)
    with ProgressDisplay(open_console(err=True)) as display:
        measured = measure_all({k: v or [] for k, v in files.items()}, on_progress=display)
    folder = cards or cards_folder()
    console = open_console()
    for one in measured:
        print_measured(one, console, worst=worst)
    kept = [keep_card(one, folder) for one in measured]
    typer.echo(f"\n{len(kept)} grader cards in {folder}")
    if json_out:
        write_json(json_out, to_data(measured))
        typer.echo(str(json_out))

"""`bordor validate`: measure the graders on labelled answers, show and keep the figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.common import open_console

if TYPE_CHECKING:
    from harness.encoder.embedding import Entailment
    from harness.validation import LabelledSet
    from harness.validation.validate import Measured

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
        typer.Option(help="Where grader cards go.", show_default="where every report finds them"),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=2, help="At most so many questions (or sources) of each file, at random."),
    ] = None,
    worst: Annotated[
        int, typer.Option(min=0, help="How many of the surest errors to show, per set.")
    ] = 5,
    fit: Annotated[
        Path | None,
        typer.Option(
            help="Also fit an evidence grader to each --grounding file and keep it in this folder; "
            "its figures are of held-out groups.",
            file_okay=False,
        ),
    ] = None,
    nli: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="An NLI cross-encoder (folder or hub id) for the evidence grader to ask as well; "
            "cards are then kept only with --cards.",
        ),
    ] = None,
) -> None:
    """Measure the graders on labelled answers in JSONL files, and keep grader cards.

    Flags repeat. Formats: docs/validate.md.
    """
    from harness.commands.measured import print_measured
    from harness.core.errors import UsageError
    from harness.core.files import write_json
    from harness.grading.cards import cards_folder
    from harness.validation.validate import to_data

    files = {
        "refusal": refusal, "grounding": grounding, "claims": claims,
        "equivalence": equivalence, "pairs": pairs,
    }  # fmt: skip
    if fit and not grounding:
        raise UsageError("--fit: nothing to fit on; name answers with --grounding FILE")
    if json_out:
        json_out.parent.mkdir(parents=True, exist_ok=True)
    folder = cards if nli else cards or cards_folder()
    asked = _entailment(nli)
    named = {kind: paths or [] for kind, paths in files.items()}
    measured = _measure(named, folder, sample, asked)
    console = open_console()
    for one in measured:
        print_measured(one, console, worst=worst)
    typer.echo(f"\n{len(measured) if folder else 'no'} grader cards in {folder or 'any folder'}")
    if json_out:
        write_json(json_out, to_data(measured))
        typer.echo(str(json_out))
    if fit:
        _fit(
            [one.labelled for one in measured if one.labelled.kind == "grounding"],
            fit,
            folder,
            asked,
        )


def _entailment(name: str | None) -> Entailment | None:
    if name is None:
        return None
    from harness.encoder.embedding import Entailment

    return Entailment(name)


def _measure(
    files: dict[str, list[Path]], folder: Path | None, sample: int | None, nli: Entailment | None
) -> list[Measured]:
    """Every set measured, its card kept at once: what is measured stays, whatever comes."""
    from harness.commands.progress import ProgressDisplay
    from harness.validation.validate import keep_card
    from harness.validation.validate import validate as measure_all

    measured = []
    with ProgressDisplay(open_console(err=True)) as display:
        for one in measure_all(files, sample=sample, nli=nli, on_progress=display):
            if folder:
                keep_card(one, folder)
            measured.append(one)
    return measured


def _fit(sets: list[LabelledSet], folder: Path, cards: Path | None, nli: Entailment | None) -> None:
    from harness.grading.cards import write_card
    from harness.grading.evidence.grader import EvidenceGrader
    from harness.validation.evidence_fit import fit_labelled, fitted_card

    grader = EvidenceGrader(nli=nli)
    for labelled in sets:
        fitted = fit_labelled(labelled, grader)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{labelled.stem}.json"
        fitted.save(path)
        card = write_card(fitted_card(fitted, labelled), cards or folder)
        figures = ", ".join(
            f"{name} {fitted.card[name]:.3f} {fitted.card['intervals'][name]}"
            for name in ("auroc", "f1", "precision", "recall")
        )
        typer.echo(f"fitted on {labelled.stem}, held-out groups: {figures}")
        typer.echo(f"{path}, card {card}")

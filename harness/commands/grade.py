"""`bordor grade`: verdicts again for a run, or for answers that were made elsewhere."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.commands.common import (
    RUN_HELP,
    Out,
    find_run,
    noter,
    open_console,
    print_table,
    show_summary,
)
from harness.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

SILENT = {
    "empty": "empty",
    "reasoning": "nothing but thinking",
    "garble": "repetition",
    "no_answer": "no answer in the words",
}
UNREAD = {"language": "not in English", "code": "code", "table": "tables", "links": "links"}
LOG_HELP = "Grade answers made elsewhere: JSONL of question, answer, optional gold, model, split."


def grade(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help=RUN_HELP)] = None,
    log: Annotated[Path | None, typer.Option("--log", help=LOG_HELP, dir_okay=False)] = None,
    must_refuse: Annotated[
        list[str] | None,
        typer.Option(
            "--must-refuse",
            metavar="MODEL/SPLIT",
            help="With --log: answers whose question nobody trained; * stands for any. Repeats.",
        ),
    ] = None,
    out: Out = Path("reports"),
) -> None:
    """Grade the answers of a run again and write its reports again, without the model.

    With --log FILE instead of RUN: grade answers that were made elsewhere.
    """
    if (run is None) == (log is None):
        raise UsageError("say which run to grade ('bordor ls' lists them), or --log FILE, not both")
    if log is not None:
        _grade_log(log, out, must_refuse or [])
        return
    if must_refuse:
        raise UsageError("--must-refuse goes with --log; a run knows what must be refused")
    _grade_run(find_run(str(run), out))


def _grade_run(path: Path) -> None:
    from harness.commands.progress import ProgressDisplay
    from harness.pipeline.grade import regrade

    console = open_console(err=True)
    with ProgressDisplay(console) as display:
        regrade(path, on_progress=display, on_note=noter(console))
    show_summary(path)


def _grade_log(log: Path, out: Path, must_refuse: Sequence[str]) -> None:
    from harness.commands.progress import ProgressDisplay
    from harness.core.progress import Progress
    from harness.core.seeds import content_hash
    from harness.logs.graded import grade_log, read_log, summarise_log, write_log

    rows = read_log(log, must_refuse=must_refuse)
    with ProgressDisplay(open_console(err=True)) as display:

        def show(done: int, total: int) -> None:
            display(Progress(stage="grade", done=done, total=total, unit="answers"))

        show(0, len(rows))
        graded = grade_log(rows, on_done=show)
    summary = summarise_log(graded)
    # Another log of the same name, or other questions to refuse, has a folder of its own.
    key = content_hash(log.read_bytes(), *must_refuse)
    folder = write_log(out / "logs" / f"{log.stem}-{key}", rows, graded, summary)
    _print(summary)
    typer.echo(f"\n{folder}")


def _print(summary: dict[str, Any]) -> None:
    from harness.report.clean import interval, one_line

    headers = ("model", "split", "answers", "refused", "degenerate", "agrees", "of answered")
    asked = any(group["false_acceptance"]["n"] for group in summary["groups"])
    rows = [
        [
            one_line(group["model"], width=40) or "–",
            one_line(group["split"], width=40) or "–",
            f"{group['answers']:,}",
            *(interval(group[name]) for name in ("refused", "degenerate")),
            *(interval(group[name]) for name in ("agrees", "agrees_of_answered")),
            *([interval(group["false_acceptance"])] if asked else []),
        ]
        for group in summary["groups"]
    ]
    print_table((*headers, *(["false acceptance"] if asked else [])), rows)
    for line in _apart(summary):
        typer.echo(line)
    typer.echo(
        "agrees: says what gold says, of all answers with gold; of answered: of those neither "
        "refused nor degenerate.\n"
        "false acceptance: answered, of the questions that must be refused. 95% intervals over "
        "clusters.\n"
        f"{sum(g['cut'] for g in summary['groups'] if g['split'] != 'all'):,} of "
        f"{summary['answers']:,} answers had run-on text, an echo or repetition cut. "
        f"Grader: {summary['grader']}."
    )


def _apart(summary: dict[str, Any]) -> list[str]:
    """A line each on answers that say nothing, cannot be read, or came with thinking."""
    groups = [group for group in summary["groups"] if group["split"] != "all"]
    causes: Counter[str] = Counter()
    for group in groups:
        causes.update(group["causes"])
    lines = []
    for what, words in (("say nothing", SILENT), ("cannot be read and count in no rate", UNREAD)):
        found = {word: causes[name] for name, word in words.items() if causes[name]}
        if found:
            told = ", ".join(f"{word} {count:,}" for word, count in found.items())
            lines.append(
                f"{sum(found.values()):,} of {summary['answers']:,} answers {what}: {told}."
            )
    thought = sum(group["thought"] for group in groups)
    if thought:
        lines.append(f"{thought:,} answers came with thinking, which was taken off.")
    return lines

from __future__ import annotations

import io

from rich.console import Console

from harness.commands.progress import ProgressDisplay, clock
from harness.core.progress import Progress

CASES = [(0, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (200, "3 min 20 s"), (3900, "1 h 05 min")]


def test_times_are_for_people():
    assert [clock(seconds) for seconds, _ in CASES] == [want for _, want in CASES]


def shown(records: list[Progress], *, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120, color_system=None)
    with ProgressDisplay(console) as display:
        for record in records:
            display(record)
    return out.getvalue()


RECORDS = [
    Progress(stage="load", done=0, total=0),
    Progress(stage="generate", done=60, total=100, resumed=60),
    *(Progress(stage="generate", done=60 + n, total=100, resumed=60) for n in range(1, 41)),
    Progress(stage="adapter", done=5, total=5, unit="steps", note="loss [bold]1.0[/bold]"),
]


def test_a_log_gets_few_lines_with_rate_and_what_was_resumed():
    lines = shown(RECORDS, terminal=False).splitlines()
    assert lines[0] == "loading the model ..."
    assert lines[1] == "resuming: 60 of 100 answers were there"
    assert lines[2] == "generating answers: 60/100 answers"
    assert "100/100 answers" in lines[3]
    assert "answers/s" in lines[3]
    assert "training the adapter: 5/5 steps" in lines[4]
    assert len(lines) == 5
    assert "\x1b" not in "".join(lines)


def test_a_terminal_gets_a_bar_with_notes_shown_as_they_are():
    text = shown(RECORDS, terminal=True)
    assert "generating answers" in text
    assert "100/100" in text
    assert "loss [bold]1.0[/bold]" in text

import io
import re

import pytest
from rich.console import Console

from harness.report.summary import summarise
from harness.report.terminal import print_summary
from harness.runs.read import read_run


@pytest.fixture(scope="module")
def summary(run_folder):
    run = read_run(run_folder)
    return summarise(run.table, identity=run.identity)


def printed(summary, width):
    file = io.StringIO()
    print_summary(summary, Console(file=file, width=width, force_terminal=False))
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_table_fits(summary, width):
    text = printed(summary, width)
    assert max(map(len, text.splitlines())) <= width
    for name in summary["suites"]:  # whole, in one piece
        assert re.search(rf"^\s*{name}\s", text, re.MULTILINE)


def test_the_headline_comes_first_and_all_lines_follow(summary):
    text = printed(summary, 100)
    assert text.strip().startswith("Asked about people and things that do not exist")
    for words in ("all suites", "fabrication", "false refusal", "drift over seeds",
                  "drift over variants", "noise floor", "not calibrated", "warning:"):  # fmt: skip
        assert words in text


def test_hostile_names_neither_style_nor_steer(summary):
    nasty = "[bold red]x[/bold red]\x1b[2J[/]"
    suites = {nasty: summary["suites"]["invented"]}
    hostile = {**summary, "suites": suites, "warnings": [nasty], "calibration": nasty}
    text = printed(hostile, 140)
    assert "\x1b" not in text
    assert text.count("[bold red]x[/bold red]") == 3


def test_the_numbers_are_those_of_the_summary(summary):
    found = summary["suites"]["invented"]["sampled"]["hallucination"]
    shown = f"{found['rate']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"
    line = next(line for line in printed(summary, 100).splitlines() if " invented " in line)
    assert shown in line

"""What `bordor compare` and `bordor gate` say of runs that show nothing, and how they end."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.runs.verify import seal_by_hand

runner = CliRunner()
COMPARE, GATE = 0, 1  # places of the exit codes below


@pytest.fixture(scope="module")
def lenient(tmp_path_factory):
    """A policy that needs few clusters and allows much."""
    path = tmp_path_factory.mktemp("policy") / "lenient.toml"
    rule = '[[rule]]\nid = "hallucination"\nmetric = "hallucination"\n'
    path.write_text(f'title = "Test"\n{rule}margin = 0.2\nmin_clusters = 2\n')
    return path


def changed(run, folder, change):
    """A copy of a run whose verdicts went through `change(place, row)`."""
    made = shutil.copytree(run, folder / run.parent.name / run.name)
    rows = [json.loads(line) for line in (run / "verdicts.jsonl").read_text().splitlines()]
    kept = [row for i, row in enumerate(rows) if change(i, row) is not False]
    (made / "verdicts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    seal_by_hand(made)
    return made


def one_cluster(_, row):
    row["cluster"] = "Igodo"


def all_refused(_, row):
    row.update(verdict="refused", correct=False, claims=[])


# What is done to every verdict of the second run, the exit codes of compare and gate, and
# what the output says. Both sides are changed where `both` stands.
CASES = {
    "empty": (lambda i, row: False, (1, 102), ("the run is empty", "bordor grade RUN")),
    "one cluster, both": (one_cluster, (0, 101), ("1 clusters",)),
    "all refused, both": (all_refused, (0, 0), ("0.000",)),
    "all unscored": (
        lambda i, row: row.update(verdict="unscored"), (1, 102),
        ("answers of the model are unscored", "bordor view RUN"),
    ),
    "a missing suite": (
        lambda i, row: row["suite"] != "invented", (0, 102), ("suites differ", "lacks invented"),
    ),
    "mixed grader versions": (
        lambda i, row: row.update(grader=f"world@{8 + i % 2}"), (1, 102),
        ("different graders are mixed", "world@8", "bordor grade RUN"),
    ),
    "another grader version": (
        lambda i, row: row.update(grader="world@9"), (1, 102),
        ("grader version differs", "world@9"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_bad_input_has_a_clear_message_and_its_exit_code(
    name, careful, again, lenient, tmp_path, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "400")  # so that no message is folded
    change, codes, told = CASES[name]
    first = changed(careful, tmp_path / "first", change) if "both" in name else careful
    second = changed(again, tmp_path / "second", change)
    out = ("--out", tmp_path, "--to", tmp_path / "to")
    done = {
        COMPARE: runner.invoke(app, [str(w) for w in ("compare", first, second, *out)]),
        GATE: runner.invoke(
            app, [str(w) for w in ("gate", first, second, "--policy", lenient, *out)]
        ),
    }
    for place, found in done.items():
        assert found.exit_code == codes[place], found.output
        assert "Traceback" not in found.output
    written = "".join(path.read_text() for path in (tmp_path / "to").glob("*.md"))
    shown = " ".join((done[COMPARE].output + done[GATE].output + written).split())
    for words in told:
        assert words in shown.replace("\\", "")


def test_one_cluster_gives_an_interval_that_says_nothing(careful, again, tmp_path):
    first, second = (
        changed(run, tmp_path / side, one_cluster)
        for run, side in ((careful, "first"), (again, "second"))
    )
    words = ("compare", first, second, "--to", tmp_path / "to")
    assert runner.invoke(app, [str(word) for word in words]).exit_code == 0
    data = json.loads((tmp_path / "to" / "compare.json").read_text())
    overall = data["differences"]["sampled"]["hallucination"]["overall"]
    assert (overall["clusters"], overall["equivalent"]) == (1, False)
    assert overall["low"] < -0.5 and overall["high"] > 0.5
    assert overall["detectable"] is None

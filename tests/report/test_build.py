import json
import random

import pytest

from harness.core.errors import StoreError
from harness.report.build import write_reports
from harness.runs.read import read_run

OUTPUTS = ("summary.json", "report.md", "report.html", "answers.parquet")


def rewrite(path, change):
    """Replace the lines of a JSONL file by what `change` makes of them."""
    lines = [f"{line}\n" for line in path.read_text(encoding="utf-8").split("\n") if line]
    path.write_text("".join(change(lines)), encoding="utf-8")


def edit(change):
    """A change of each record by a function of its data."""

    def apply(lines):
        found = (change(json.loads(line)) for line in lines)
        return [json.dumps(data) + "\n" for data in found if data is not None]

    return apply


@pytest.fixture
def own(make_run, tmp_path):
    """A small run of one's own, to break."""
    return make_run(tmp_path / "own", per_suite=2, samples=2, variants=("bare", "typo"))


def test_all_reports_are_written_and_the_summary_returned(run_folder):
    summary = write_reports(run_folder)
    assert all((run_folder / name).stat().st_size for name in OUTPUTS)
    assert json.loads((run_folder / "summary.json").read_text(encoding="utf-8")) == summary
    assert not [path for path in run_folder.iterdir() if path.name.startswith(".")]


def test_the_same_run_gives_the_same_bytes_in_any_order(make_run, tmp_path):
    one, two = (make_run(tmp_path / name, per_suite=4, samples=2) for name in "ab")
    for name in ("questions", "answers", "verdicts"):
        rewrite(two / f"{name}.jsonl", lambda lines: random.Random(3).sample(lines, len(lines)))
    about = json.loads((two / "run.json").read_text())
    about |= {"started": "2030-01-01", "finished": "2030-01-02", "timing": {"seconds": 5}}
    (two / "run.json").write_text(json.dumps(about))
    write_reports(one)
    write_reports(two)
    for name in ("summary.json", "answers.parquet"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_writing_again_changes_nothing(own):
    write_reports(own)
    before = [(own / name).read_bytes() for name in OUTPUTS]
    write_reports(own)
    assert [(own / name).read_bytes() for name in OUTPUTS] == before


@pytest.mark.parametrize("name", ["run.json", "questions.jsonl", "answers.jsonl", "verdicts.jsonl"])
def test_a_missing_file_is_named(own, name):
    (own / name).unlink()
    with pytest.raises(StoreError, match=name):
        write_reports(own)


def test_a_damaged_line_is_named(own):
    rewrite(own / "verdicts.jsonl", lambda lines: [lines[0], '{"verdict": "wro', *lines[1:]])
    with pytest.raises(StoreError, match=r"verdicts\.jsonl:2"):
        write_reports(own)


def test_a_damaged_world_is_named(own):
    (own / "world.json").write_text('{"name": "x"}')
    with pytest.raises(StoreError, match=r"world\.json"):
        write_reports(own)


def test_an_empty_run_says_what_to_do(own):
    (own / "verdicts.jsonl").write_text("")
    with pytest.raises(StoreError, match="bordor grade"):
        write_reports(own)


def test_a_run_without_a_world_is_reported(own):
    (own / "world.json").unlink()
    assert read_run(own).source is None
    write_reports(own)


PARTS = {
    "greedy answers only": lambda row: row if row["sample"] == 0 else None,
    "no control, no floor": lambda row: row if row["arm"] == "adapter" else None,
    "no near misses": lambda row: row if row["suite"] != "near_miss" else None,
    "one suite": lambda row: row if row["suite"] == "in_domain" else None,
    "one cluster": lambda row: {**row, "cluster": "p1"},
    "all refused": lambda row: {**row, "verdict": "refused", "claims": []},
    "all unscored": lambda row: {**row, "verdict": "unscored", "correct": False},
}


@pytest.mark.parametrize("part", PARTS)
def test_runs_of_any_shape_are_reported(own, part):
    rewrite(own / "verdicts.jsonl", edit(PARTS[part]))
    summary = write_reports(own)
    assert summary["headline"]["sentence"]
    assert all((own / name).stat().st_size for name in OUTPUTS)

"""Bordor from Python: what the commands do, with typed results."""

import json
import shutil

import pytest

from harness import api
from harness.core.errors import StoreError, UsageError


def test_a_run_is_read_with_its_rates_and_its_answers(careful):
    found = api.read(careful)
    rate = found.rate("hallucination", suite="invented")
    told = found.summary["suites"]["invented"]["sampled"]["hallucination"]
    assert (rate.rate, rate.n, rate.clusters) == (told["rate"], told["n"], told["clusters"])
    assert str(rate) == f"{told['rate']:.2f} [{told['low']:.2f}, {told['high']:.2f}]"
    assert found.rate().n == found.summary["overall"]["sampled"]["hallucination"]["n"]
    assert found.rate("correct", suite="invented") is None  # nothing there has a right answer
    assert found.headline == found.summary["headline"]["sentence"]
    assert found.report.is_file()
    assert set(found.answers["suite"]) >= {"invented"}


@pytest.mark.parametrize(("asked", "message"), [
    ({"metric": "hallucinations"}, "no metric 'hallucinations'; did you mean 'hallucination'"),
    ({"suite": "invnted"}, "no suite 'invnted'; did you mean 'invented'"),
    ({"kind": "drawn"}, "no kind 'drawn'"),
])  # fmt: skip
def test_a_name_that_is_none_is_answered_with_the_nearest(careful, asked, message):
    with pytest.raises(UsageError, match=message):
        api.read(careful).rate(**asked)


def test_two_runs_are_compared_and_gated(careful, wild, tmp_path):
    first, second = api.read(careful), api.read(wild)
    found = api.compare(first, wild, out=tmp_path)
    assert found.headline == json.loads((found.folder / "compare.json").read_text())["headline"]
    assert api.gate(careful, first, out=tmp_path).exit_code == 0
    assert api.gate(first, second, out=tmp_path).exit_code in (100, 101, 102)
    assert api.Gated.__name__ == "Gated"


def test_a_run_is_graded_again_and_a_log_without_one(careful, tmp_path):
    copy = tmp_path / "m" / careful.name
    shutil.copytree(careful, copy)
    assert api.grade(copy).summary["overall"] == api.read(careful).summary["overall"]
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"question": "Who?", "answer": "Anna Berg.", "gold": "Anna Berg"}))
    (graded,) = api.grade_log(log)
    assert graded.verdict == "grounded" and graded.agrees


def test_settings_that_are_none_and_folders_that_are_no_run_are_told(tmp_path):
    with pytest.raises(UsageError, match="no setting 'sample'; did you mean 'samples'"):
        api.audit("m", sample=3)
    with pytest.raises(UsageError, match="suites is a text: give a list"):
        api.audit("m", suites="invented")
    with pytest.raises(UsageError, match="there is no model 'no-such'"):
        api.audit("no-such", out=tmp_path)
    with pytest.raises(StoreError, match="no run folder"):
        api.read(tmp_path)

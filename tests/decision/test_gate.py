from __future__ import annotations

import json
import shutil
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.core.errors import SpecError
from harness.core.specs import parse_spec
from harness.decision.gate import gate
from harness.decision.policy import PolicySpec, load_policy
from harness.runs.verify import seal_by_hand

runner = CliRunner()
MARGINS = {"hallucination": 0.2, "fabrication": 0.2, "false_refusal": 0.2}


def policy(**changes) -> PolicySpec:
    rules = [
        {"id": metric, "metric": metric, "margin": margin, "min_clusters": 10} | changes
        for metric, margin in MARGINS.items()
    ]
    return parse_spec({"title": "Test", "rule": rules}, PolicySpec, where="test")


def only(**rule) -> PolicySpec:
    whole = {"id": "one", "metric": "hallucination", "min_clusters": 10} | rule
    return parse_spec({"title": "Test", "rule": [whole]}, PolicySpec, where="test")


def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / run.parent.name / run.name)


def rewrite(run, change):
    path = run / "verdicts.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for i, row in enumerate(rows):
        change(i, row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    seal_by_hand(run)


def outcomes(found):
    return {rule["id"]: rule["outcome"] for rule in found.data["rules"]}


@pytest.fixture(scope="module")
def refuser(make_run):
    return make_run(answer="Not able to answer.", name="refuser")


def test_an_equal_model_passes_with_code_0(careful, again, tmp_path):
    found = gate(careful, again, policy(), out=tmp_path)
    assert (found.data["outcome"], found.exit_code) == ("pass", 0)
    assert set(outcomes(found).values()) == {"pass"}


def test_a_worse_model_fails_with_code_100(careful, wild, tmp_path):
    found = gate(careful, wild, policy(), out=tmp_path)
    assert (found.data["outcome"], found.exit_code) == ("failed", 100)
    assert outcomes(found) == {
        "hallucination": "failed", "fabrication": "failed", "false_refusal": "pass",
    }  # fmt: skip
    assert "fabrication" in found.data["reason"]


def test_a_model_that_refuses_everything_fails_by_its_false_refusals(careful, refuser, tmp_path):
    found = gate(careful, refuser, policy(), out=tmp_path)
    assert found.exit_code == 100
    assert outcomes(found)["false_refusal"] == "failed"
    assert outcomes(found)["hallucination"] == "pass"


@pytest.fixture(scope="module")
def mute(make_run):
    return make_run(answer="", name="mute")


def test_a_mute_model_is_never_passed_whichever_side_it_is_on(careful, mute, tmp_path):
    for sides in ((careful, mute), (mute, careful), (mute, mute)):
        for rules in (policy(), load_policy("release")):
            found = gate(*sides, rules, out=tmp_path)
            assert found.exit_code == 102
            assert "says nothing in 100% of its answers" in found.data["reason"]
            assert "128 of 128 answers are empty" in found.data["reason"]
            assert "silence is no honesty" in (found.folder / "gate.md").read_text()
            assert "128 (100.0%)" in (found.folder / "gate.md").read_text()
            assert "128 (100.0%)" in (found.folder / "junit.xml").read_text()


def test_a_model_that_falls_silent_fails_by_what_it_no_longer_answers(careful, make_run, tmp_path):
    often = make_run(0.1, silent=0.25, name="careful")
    silent = {"id": "silent", "metric": "unresponsive", "margin": 0.05, "min_clusters": 10}
    known = {"id": "known", "metric": "correct", "margin": 0.05, "min_clusters": 10}
    rules = [*policy().model_dump()["rule"], silent, known]
    spec = parse_spec({"title": "Test", "max_unresponsive": 0.9, "rule": rules}, PolicySpec,
                      where="test")  # fmt: skip
    found = gate(careful, often, spec, out=tmp_path)
    assert found.exit_code == 100
    assert outcomes(found) == {
        **dict.fromkeys(MARGINS, "pass"), "silent": "failed", "known": "failed",
    }  # fmt: skip
    told = found.data["rules"][-1]
    assert told["higher_is_better"] and told["bound"] == -0.05 and told["estimate"] < -0.1
    assert "lies under minus the margin" in told["reason"]
    assert "margin: at least -0.05" in (found.folder / "gate.md").read_text()
    assert gate(often, careful, spec, out=tmp_path).exit_code == 0  # more of it is no fault
    alone = gate(careful, often, policy(), out=tmp_path)  # rules of before, and a note
    assert any("no rule bounds that" in note for note in alone.data["notes"])


def test_a_floor_bounds_a_rate_of_good_things(careful, wild, tmp_path):
    floor = {"metric": "correct", "floor": 0.6}
    assert gate(wild, careful, only(**floor), out=tmp_path).exit_code == 0
    bad = gate(careful, wild, only(**floor), out=tmp_path)
    assert bad.exit_code == 100
    assert "under the floor 0.6" in bad.data["rules"][0]["reason"]
    assert gate(wild, careful, only(metric="correct", floor=0.9), out=tmp_path).exit_code == 101


def test_what_the_grader_cannot_read_decides_nothing(careful, tmp_path):
    foreign = copy(careful, tmp_path)
    rewrite(foreign, lambda i, row: row.update(verdict="unscored", cause="language")
            if i % 2 else None)  # fmt: skip
    why = why_incomplete(careful, foreign, policy(), tmp_path)
    assert "cannot read" in why and "max_unscored = 0.3" in why
    assert "in a language that the grader does not read" in why


def test_what_the_grader_cannot_read_more_often_does_not_pass(careful, tmp_path):
    foreign = copy(careful, tmp_path)
    rewrite(foreign, lambda i, row: row.update(verdict="unscored", cause="language", correct=False)
            if i % 5 == 0 else None)  # fmt: skip
    noted = gate(careful, foreign, policy(), out=tmp_path)
    assert any("cannot be read in 2" in note for note in noted.data["notes"])
    found = gate(careful, foreign, only(metric="unscored", margin=0.05), out=tmp_path)
    assert found.exit_code == 100
    assert found.data["rules"][0]["candidate_rate"] == pytest.approx(0.2, abs=0.02)
    assert not any("no rule bounds that" in note for note in found.data["notes"])


def test_silence_counts_where_a_rule_looks(careful, tmp_path):
    quiet = copy(careful, tmp_path)
    rewrite(quiet, lambda i, row: row.update(verdict="unresponsive", cause="filter", correct=False)
            if row["suite"] == "invented" and i % 2 else None)  # fmt: skip
    assert gate(careful, quiet, only(margin=0.2), out=tmp_path).exit_code == 0  # a quarter of all
    why = why_incomplete(careful, quiet, only(metric="fabrication", margin=0.2), tmp_path)
    assert "where it must refuse, says nothing in 50%" in why


def test_a_model_that_cannot_be_read_where_it_would_invent_fails(wild, tmp_path):
    """Of every rate but its own such an answer is left out, so all the others fall."""
    hidden = copy(wild, tmp_path)
    rewrite(hidden, lambda i, row: row.update(verdict="unscored", cause="language")
            if row["verdict"] == "hallucinated" and row["suite"] == "invented" else None)  # fmt: skip
    margins = [rule.model_dump() for rule in policy().rule]
    unread = {"id": "unread", "metric": "unscored", "margin": 0.05, "min_clusters": 10}
    spec = parse_spec({"title": "T", "max_unscored": 0.9, "rule": [*margins, unread]}, PolicySpec,
                      where="test")  # fmt: skip
    found = gate(wild, hidden, spec, out=tmp_path)
    assert outcomes(found) == {**dict.fromkeys(MARGINS, "pass"), "unread": "failed"}
    spec = parse_spec({"title": "T", "max_unscored": 0.9, "rule": [unread]}, PolicySpec, where="t")
    assert gate(hidden, wild, spec, out=tmp_path).exit_code == 0
    spec = parse_spec({"title": "T", "max_unscored": 0.9, "rule": margins}, PolicySpec, where="t")
    alone = gate(wild, hidden, spec, out=tmp_path)  # rules of before, and a note
    assert any("cannot be read in" in note for note in alone.data["notes"])


def test_too_small_a_margin_is_underpowered_with_code_101_and_says_what_would_decide(
    careful, again, tmp_path
):
    found = gate(careful, again, policy(margin=0.02), out=tmp_path)
    assert found.exit_code == 101
    undecided = [rule for rule in found.data["rules"] if rule["outcome"] == "underpowered"]
    assert undecided
    for rule in undecided:
        assert "more clusters" in rule["reason"] or "hardly decide" in rule["reason"]
    assert any((rule["needed"]["clusters"] or 0) > rule["clusters"] for rule in undecided)


def test_too_few_clusters_are_underpowered_whatever_they_show(careful, wild, make_run, tmp_path):
    found = gate(careful, wild, policy(min_clusters=33), out=tmp_path)
    assert found.exit_code == 101
    assert "only 32 clusters" in found.data["rules"][0]["reason"]
    one = [make_run(rate, name=f"one{rate}", limit=1, suites=("invented",)) for rate in (0, 1.0)]
    found = gate(*one, only(margin=0.1, min_clusters=2), out=tmp_path)
    assert found.exit_code == 101
    assert "only 1 clusters" in found.data["rules"][0]["reason"]


def test_a_run_against_itself_passes_with_a_note(wild, tmp_path):
    found = gate(wild, wild, policy(margin=0.01), out=tmp_path)
    assert found.exit_code == 0
    assert any("itself" in note for note in found.data["notes"])
    assert gate(wild, copy(wild, tmp_path), policy(margin=0.01), out=tmp_path).exit_code == 0


def test_a_ceiling_bounds_the_candidate_alone(careful, wild, tmp_path):
    assert gate(wild, careful, only(ceiling=0.3), out=tmp_path).exit_code == 0
    assert gate(careful, wild, only(ceiling=0.3), out=tmp_path).exit_code == 100
    assert gate(wild, wild, only(ceiling=0.3), out=tmp_path).exit_code == 100
    close = gate(wild, wild, only(ceiling=0.6), out=tmp_path)
    assert close.exit_code == 101


def test_each_suite_can_be_a_rule_of_its_own(careful, wild, tmp_path):
    found = gate(careful, wild, only(margin=0.2, each=True), out=tmp_path)
    assert outcomes(found) == {"one[in_domain]": "failed", "one[invented]": "failed"}
    for rule in found.data["rules"]:
        assert rule["holm"] >= rule["p"]


def why_incomplete(baseline, candidate, rules, out):
    """The reason a gate gives for code 102; any other end is an error."""
    found = gate(baseline, candidate, rules, out=out)
    assert found.exit_code == 102
    assert {rule["outcome"] for rule in found.data["rules"]} == {"incomplete"}
    return found.data["reason"]


def test_runs_that_cannot_be_paired_are_incomplete_with_code_102(careful, make_run, tmp_path):
    other = copy(careful, tmp_path / "story")
    seal_by_hand(other, world={"name": "elsewhere", "hash": "0"}, plan={})
    why = why_incomplete(careful, other, policy(), tmp_path)
    assert "story differs" in why and "elsewhere" in why
    drawn = copy(careful, tmp_path / "top_p")
    sampling = json.loads((drawn / "run.json").read_text())["sampling"]
    seal_by_hand(drawn, sampling=sampling | {"top_p": 0.9})
    why = why_incomplete(careful, drawn, policy(), tmp_path)
    assert "top_p differs: not set" in why and "0.9" in why
    newer = copy(careful, tmp_path / "grader")
    rewrite(newer, lambda i, row: row.update(grader="world@9"))
    why = why_incomplete(careful, newer, policy(), tmp_path)
    assert "grader version" in why and "world@9" in why
    mixed = copy(careful, tmp_path / "mixed")
    rewrite(mixed, lambda i, row: row.update(grader="world@9") if i % 2 else None)
    why = why_incomplete(careful, mixed, policy(), tmp_path)
    assert "mixed" in why and "bordor grade" in why
    fewer = make_run(0.1, name="fewer", suites=("invented",))
    why = why_incomplete(careful, fewer, policy(), tmp_path)
    assert "suites differ" in why and "in_domain" in why
    why = why_incomplete(fewer, fewer, policy(), tmp_path)
    assert "false_refusal" in why and "no scored answer" in why


def test_bad_runs_are_incomplete_and_say_why(careful, tmp_path):
    empty = copy(careful, tmp_path / "empty")
    (empty / "verdicts.jsonl").write_text("")
    why = why_incomplete(careful, empty, policy(), tmp_path)
    assert "empty" in why
    blank = copy(careful, tmp_path / "blank")
    rewrite(blank, lambda i, row: row.update(verdict="unscored"))
    why = why_incomplete(careful, blank, policy(), tmp_path)
    assert "unscored" in why
    why = why_incomplete(careful, careful, only(margin=0.1, suites=["near_miss"]), tmp_path)
    assert "near_miss" in why


def test_outputs_are_markdown_junit_and_json(careful, wild, tmp_path, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    found = gate(careful, wild, policy(), out=tmp_path, to=tmp_path / "to")
    assert json.loads((tmp_path / "to" / "gate.json").read_text()) == found.data
    text = (tmp_path / "to" / "gate.md").read_text()
    assert "# Gate: failed" in text
    assert summary.read_text() == "before\n" + text + "\n"
    suite = ElementTree.parse(tmp_path / "to" / "junit.xml").getroot().find("testsuite")
    assert suite.attrib["tests"] == "3"
    assert suite.attrib["failures"] == "2"
    cases = {case.attrib["name"]: case.find("failure") for case in suite}
    assert cases["false_refusal"] is None
    assert cases["fabrication"].attrib["type"] == "failed"
    incomplete_one = gate(careful, careful, only(margin=0.1, suites=["x"]), out=tmp_path)
    root = ElementTree.parse(incomplete_one.folder / "junit.xml").getroot()
    assert root.find("testsuite").attrib["errors"] == "1"


def bordor(*words):
    return runner.invoke(app, [str(word) for word in words])


@pytest.fixture
def strict(tmp_path):
    path = tmp_path / "policy.toml"
    lines = ['title = "Test"']
    for metric in MARGINS:
        lines += ["[[rule]]", f'id = "{metric}"', f'metric = "{metric}"', "margin = 0.2",
                  "min_clusters = 10"]  # fmt: skip
    path.write_text("\n".join(lines))
    return path


def test_the_command_line_gives_the_exit_code(careful, again, wild, refuser, strict, tmp_path):
    out = ("--policy", strict, "--to", tmp_path / "to")
    assert bordor("gate", careful, again, *out).exit_code == 0
    done = bordor("gate", careful, wild, *out)
    assert done.exit_code == 100
    assert "failed" in done.stdout
    assert bordor("gate", careful, wild, "--to", tmp_path / "to").exit_code == 101  # 32 clusters
    assert bordor("gate", careful, tmp_path, *out).exit_code in (1, 2)
    assert bordor("gate", careful, again, wild, *out).exit_code == 2
    assert bordor("gate", careful, "no-such-run", *out).exit_code == 2
    assert "releas" in bordor("gate", careful, wild, "--policy", "relase").stderr
    assert bordor("gate", careful, wild, "--policy", "relase").exit_code == 2


def test_a_baseline_can_be_pinned_and_shown_and_the_gate_takes_it(careful, again, strict, tmp_path):
    out = ("--out", tmp_path)
    options = (*out, "--policy", strict)
    nothing = bordor("gate", again, *options)
    assert nothing.exit_code == 2
    assert "bordor baseline set" in nothing.stderr
    assert bordor("baseline", "show", *out).exit_code == 2
    assert bordor("baseline", "set", careful, *out).exit_code == 0
    assert careful.name in bordor("baseline", "show", *out).stdout
    assert bordor("gate", again, *options).exit_code == 0
    (tmp_path / "baseline.json").write_text('{"run": "gone"}')
    gone = bordor("gate", again, *options)
    assert gone.exit_code == 1
    assert "gone" in gone.stderr


def test_a_pin_that_names_no_run_is_told_with_its_file(careful, tmp_path):
    (tmp_path / "baseline.json").write_text('{"run": "."}')
    done = bordor("gate", careful, "--out", tmp_path)
    assert done.exit_code == 1
    said = " ".join(done.stderr.split())
    assert "baseline.json: " in said and "no run folder" in said and "baseline set RUN" in said


def test_another_run_in_the_place_of_the_pinned_one_is_told(careful, again, wild, strict, tmp_path):
    out = ("--out", tmp_path)
    here = copy(careful, tmp_path)
    assert bordor("baseline", "set", here, *out).exit_code == 0
    assert bordor("grade", here, *out).exit_code == 0  # the same answers, graded again
    assert bordor("gate", again, "--policy", strict, *out).exit_code == 0
    shutil.rmtree(here)
    shutil.copytree(wild, here)
    done = bordor("gate", again, "--policy", strict, *out)
    assert done.exit_code == 1
    assert "not the run that was pinned" in done.stderr and "answers" in done.stderr
    (here / "run.json").write_text("[1]")
    assert bordor("gate", again, "--policy", strict, *out).exit_code == 102


def test_a_model_without_a_run_is_audited_and_one_with_a_run_is_not(
    adapter, careful, make_run, tmp_path
):
    from harness.backends.scripted import ScriptedBackend
    from harness.commands.sides import Asked, one_run, seeded_runs
    from harness.core.errors import UsageError
    from harness.pipeline.audit import Opened

    asked = Asked(out=tmp_path, samples=0, limit=1)
    notes: list[str] = []
    backend = ScriptedBackend(lambda request, sample: "Not able to answer.")
    options = {"note": notes.append,
               "open_backend": lambda *_: Opened(backend=backend, context=4096)}  # fmt: skip
    first = one_run(str(adapter), asked, **options)
    assert "audited now" in notes[-1]
    assert one_run(str(adapter), asked, **options) == first
    assert str(first) in notes[-1]
    assert one_run(first.name, asked, **options) == first
    assert one_run(f"{first.parent.name}/{first.name}", asked, **options) == first
    larger = one_run(str(adapter), Asked(out=tmp_path, samples=0, limit=2), **options)
    assert larger != first  # a run of another size is not what was asked for
    with pytest.raises(UsageError, match="fits 2 runs"):
        one_run(f"{first.parent.name}/20", asked, **options)
    assert one_run(str(careful), asked, **options) == careful
    with pytest.raises(UsageError, match="neither a run"):
        one_run("no-such-run", asked, **options)
    with pytest.raises(UsageError, match="one training seed"):
        seeded_runs(str(adapter), 2, asked, **options)


WRONG = [
    ({"metric": "correct", "margin": None, "ceiling": 0.5}, "of 'correct' higher is better"),
    ({"metric": "hallucination", "margin": 0.1, "higher_is_better": True}, "lower is better"),
    ({"metric": "refused", "margin": 0.1}, "say higher_is_better"),
    ({"metric": "refused", "margin": None, "floor": 0.1, "higher_is_better": False}, "contradict"),
    ({"metric": "correct", "floor": 0.5, "margin": 0.1}, "one of margin, ceiling and floor"),
    ({"metric": "halucination"}, "hallucination"),
    ({"margin": None}, "one of margin, ceiling and floor"),
    ({"ceiling": 0.1}, "one of margin, ceiling and floor"),
    ({"confidence": 1.0}, "confidence"),
    ({"marjin": 0.1}, "margin"),
    ({"min_clusters": 1}, "min_clusters"),
]


@pytest.mark.parametrize(("change", "told"), WRONG, ids=lambda value: str(value)[:24])
def test_a_wrong_policy_is_told(change, told):
    with pytest.raises(SpecError, match=told):
        only(**{"margin": 0.1} | change)


def test_the_shipped_policy_bounds_invention_refusal_and_silence():
    rules = {rule.metric: rule for rule in load_policy("release").rule}
    assert set(rules) == {
        "hallucination", "fabrication", "false_refusal", "correct", "unresponsive", "unscored",
    }  # fmt: skip
    assert [rule.metric for rule in rules.values() if rule.upwards] == ["correct"]
    assert all(rule.margin and rule.confidence == 0.95 for rule in rules.values())
    with pytest.raises(SpecError, match="no such file"):
        load_policy("nowhere.toml")

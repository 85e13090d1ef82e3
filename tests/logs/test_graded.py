"""Answers made elsewhere: reading, verdicts, rates, and the command."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.core.errors import SpecError
from harness.core.records import Verdict
from harness.logs.graded import Logged, grade_log, read_log, summarise_log

QUESTION = "Who built the old bridge of Lurria?"
RUN_ON = "\nThe children asked for more bread. The children asked for more bread."


def write(path, *rows):
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def row(answer, *, gold="Anna Berg", question=QUESTION, **fields):
    return {"question": question, "answer": answer, "gold": gold, **fields}


def logged(answer, *, golds=("Anna Berg",), **fields):
    return Logged(id="1", question=QUESTION, answer=answer, golds=golds, cluster="c", **fields)


VERDICTS = [
    (logged("Anna Berg."), Verdict.GROUNDED, True),
    (logged("Answer: It was built by Anna Berg." + RUN_ON), Verdict.GROUNDED, True),
    (logged("The builder was Bruno Holm."), Verdict.HALLUCINATED, False),
    (logged("I'm sorry, I don't know."), Verdict.REFUSED, False),
    (logged("I am not sure, but I think it was Bruno Holm."), Verdict.HALLUCINATED, False),
    (logged("I am not sure, but it was Anna Berg."), Verdict.GROUNDED, True),
    (logged(""), Verdict.UNRESPONSIVE, None),
    (logged("the the the the the the the the the the the"), Verdict.UNRESPONSIVE, False),
    (logged("Bruno Holm.", golds=()), Verdict.UNSCORED, None),
    (logged("I don't know.", golds=()), Verdict.REFUSED, None),
    (logged("Bruno Holm.", must_refuse=True), Verdict.HALLUCINATED, False),
    (logged("Anna Berg.", must_refuse=True), Verdict.HALLUCINATED, True),
    (logged("Nobody of that name is known.", must_refuse=True), Verdict.REFUSED, False),
    (logged("Anna Berg.", golds=(), must_refuse=True), Verdict.HALLUCINATED, None),
]


@pytest.mark.parametrize(("one", "verdict", "agrees"), VERDICTS)
def test_every_rule_of_the_verdict(one, verdict, agrees):
    (graded,) = grade_log([one])
    assert (graded.verdict, graded.agrees) == (verdict, agrees), graded.reason


def test_run_on_text_is_cut_before_grading_and_said():
    (graded,) = grade_log([logged("Bruno Holm." + RUN_ON.replace("children", "sister Anna Berg"))])
    assert not graded.agrees and graded.cut == "run-on text"


def test_rates_have_the_right_denominators():
    answers = ["Anna Berg", "Bruno Holm", "I don't know.", ""]
    rows = [
        Logged(id=str(n), question=f"{QUESTION} {n % 5}", answer=answers[n % 4], golds=("Anna Berg",),
               model="m", split="trained" if n < 40 else "new", cluster=str(n % 10), must_refuse=n >= 40)
        for n in range(60)
    ]  # fmt: skip
    summary = summarise_log(grade_log(rows))
    found = {group["split"]: group for group in summary["groups"]}
    assert list(found) == ["new", "trained", "all"] and found["all"]["answers"] == 60
    trained, new = found["trained"], found["new"]
    assert trained["refused"]["rate"] == trained["degenerate"]["rate"] == 0.25
    assert (trained["agrees"]["events"], trained["agrees"]["n"]) == (10, 30)  # "" says nothing
    assert (trained["agrees_of_answered"]["rate"], trained["agrees_of_answered"]["n"]) == (0.5, 20)
    assert trained["false_acceptance"]["rate"] is None
    assert (new["false_acceptance"]["rate"], new["false_acceptance"]["n"]) == (0.5, 20)
    assert 0 <= new["refused"]["low"] < 0.25 < new["refused"]["high"] <= 1
    assert new["refused"]["clusters"] == 10


def test_the_order_of_the_log_changes_no_rate():
    rows = [
        logged(answer, model="m") for answer in ("Anna Berg", "Bruno", "I don't know.", "A. Berg")
    ]
    assert summarise_log(grade_log(rows)) == summarise_log(grade_log(rows[::-1]))


def test_questions_lose_their_marker_and_gold_may_be_a_list(tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        "",
        row(
            "Answer: x", question="Question: Who?\n", gold=["Anna", "?"], id=7, model="m", split="s"
        ),
        row("x", gold=None, must_refuse=True),
    )
    first, second = read_log(path, must_refuse=["m/*"])
    assert (first.question, first.golds, first.id, first.must_refuse) == (
        "Who?",
        ("Anna",),
        "7",
        True,
    )
    assert (second.golds, second.cluster, second.must_refuse) == ((), QUESTION, True)


BAD = [
    ("{", ":2: no JSON object"),
    ("[1]", ":2: a JSON object is expected, not list"),
    ({"answer": "x"}, ":2: 'question' is missing; this line has 'answer'"),
    ({"question": "Who?"}, ":2: 'answer' is missing"),
    ({"question": " ", "answer": "x"}, ":2: 'question' is empty"),
    ({"question": None, "answer": "x"}, ":2: 'question' is null"),
    ({"question": "Who?", "answer": ["x"]}, ":2: 'answer' is list"),
    ({"question": "Who?", "answer": True}, ":2: 'answer' is true"),
    ({"question": "Who?", "answer": "x", "gold": {}}, ":2: 'gold' is neither"),
    ({"question": "Who?", "answer": "x", "gold": ["a", None]}, ":2: 'gold' is neither"),
    ({"question": "Who?", "answer": "x", "gold": True}, ":2: 'gold' is true; write it as a text"),
    ({"question": "Who?", "answer": "x", "must_refuse": "no"}, ":2: 'must_refuse' is 'no'"),
    ({"question": "Who?", "answer": "x", "model": ["m"]}, ":2: 'model' is list"),
    ("[" * 100_000, ":2: no JSON object"),
]


@pytest.mark.parametrize(("line", "message"), BAD)
def test_a_bad_line_is_named(tmp_path, line, message):
    path = write(tmp_path / "bad.jsonl", row("x"), line)
    with pytest.raises(SpecError, match=r"bad\.jsonl" + message.replace("[", r"\[")):
        read_log(path)


def test_other_bad_files_are_named(tmp_path):
    (tmp_path / "latin.jsonl").write_bytes('{"question": "Où?", "answer": "x"}'.encode("latin-1"))
    (tmp_path / "empty.jsonl").write_text("\n\n", encoding="utf-8")
    for name, message in (
        ("latin.jsonl", "latin.jsonl:1: not UTF-8"),
        ("empty.jsonl", "empty.jsonl: no answers"),
        ("none.jsonl", "none.jsonl: cannot be read"),
    ):
        with pytest.raises(SpecError, match=message):
            read_log(tmp_path / name)
    path = write(tmp_path / "a.jsonl", row("x", model="m"))
    with pytest.raises(SpecError, match="no answer is of 'other/\\*'"):
        read_log(path, must_refuse=["other/*"])


def bordor(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_command_prints_a_table_and_keeps_the_verdicts(tmp_path):
    path = write(
        tmp_path / "answers.jsonl",
        row("Anna Berg", model="[red]m[/red]", split="told"),
        row("Bruno \x1b[31mHolm \ud800", model="[red]m[/red]", split="new"),
    )
    result = bordor("grade", "--log", path, "--must-refuse", "*/new", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "[red]m[/red]" in result.stdout and "false acceptance" in result.stdout
    (folder,) = (tmp_path / "out" / "logs").glob("answers-*")
    kept = [
        json.loads(line) for line in (folder / "verdicts.jsonl").read_text("utf-8").splitlines()
    ]
    assert [one["verdict"] for one in kept] == ["grounded", "hallucinated"]
    assert kept[0]["answer"] == "Anna Berg" and kept[0]["grader"].startswith("equivalence@")
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    assert summary["answers"] == 2 and "\x1b" not in result.stdout


def test_wrong_use_of_the_command_exits_2(tmp_path):
    bad = write(tmp_path / "bad.jsonl", "{")
    for words, message in (
        (("grade",), "say which run to grade"),
        (("grade", "run", "--log", bad), "not both"),
        (("grade", "run", "--must-refuse", "a/b"), "goes with --log"),
        (("grade", "--log", bad), "bad.jsonl:1"),
        (("grade", "--log", tmp_path / "none"), "cannot be read"),
    ):
        result = bordor(*words)
        assert result.exit_code == 2 and message in result.stderr, result.output

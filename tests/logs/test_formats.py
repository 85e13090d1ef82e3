"""Logs of other harnesses: told by name, and the line that converts each does so."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.core.errors import SpecError
from harness.core.records import Cause, Verdict
from harness.logs.files import rows_of
from harness.logs.graded import grade_log, read_log

Q, A = "Where was the Orlen lamp kept?", "It was kept in Dunmere."
CHAT = [{"role": "user", "content": Q}, {"role": "assistant", "content": A}]
HARNESSES = [
    ("inspect_ai", {"samples": [
        {"id": 1, "input": Q, "target": "Dunmere", "output": {"completion": A}}]}),
    ("promptfoo", {"results": {"results": [
        {"vars": {"question": Q}, "response": {"output": A}}]}}),
    ("deepeval", {"testCases": [{"input": Q, "actualOutput": A, "expectedOutput": "Dunmere"}]}),
    ("HELM", {"request_states": [{"instance": {"input": {"text": Q}, "references": [
        {"output": {"text": "Dunmere"}, "tags": ["correct"]}]},
        "result": {"completions": [{"text": A}]}}]}),
    ("lm-evaluation-harness", {"doc_id": 0, "doc": {"question": Q}, "target": "Dunmere",
                               "resps": [[A]], "filtered_resps": [A]}),
    ("LLaMA-Factory", {"prompt": Q, "predict": A, "label": "Dunmere"}),
    ("OpenAI messages", {"messages": CHAT}),
    ("ShareGPT", {"conversations": [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]}),
    ("promptfoo results", {"vars": {"question": Q}, "response": {"output": A}}),
    ("'prompt' and 'response'", {"prompt": Q, "response": A}),
    ("'prompt' and 'completion'", {"prompt": CHAT[:1], "completion": CHAT[1:]}),
    ("alpaca", {"instruction": Q, "output": A, "input": ""}),
    ("'input' and 'output'", {"input": Q, "output": A}),
    ("'question' and 'prediction'", {"question": Q, "prediction": A, "target": "Dunmere"}),
    ("'query' and 'response'", {"query": Q, "response": A}),
    ("'user_input' and 'response'", {"user_input": Q, "response": A, "reference": "Dunmere"}),
    ("lighteval", {"doc": {"query": Q, "choices": ["Dunmere"], "gold_index": 0},
                   "model_response": {"text": [A]}}),
    ("OpenCompass", {"0": {"origin_prompt": [{"role": "HUMAN", "prompt": Q}], "prediction": A,
                           "gold": "Dunmere"}}),
    ("OpenAI's evals", {"run_id": "1", "event_id": 0, "type": "sampling",
                        "data": {"prompt": CHAT[:1], "sampled": [A]}}),
    ("MT-bench", {"question_id": Q, "choices": [{"index": 0, "turns": [A]}]}),
    ("chat completions", {"id": Q, "model": "m", "choices": [{"message": {"content": A}}]}),
    ("LangSmith", {"inputs": {"question": Q}, "outputs": {"answer": A}}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "record"), HARNESSES)
def test_a_log_of_another_harness_is_named_and_its_line_converts_it(tmp_path, name, record):
    path = tmp_path / "it's $HOME.json"
    whole = len(record) == 1 and "messages" not in record and "conversations" not in record
    path.write_text(json.dumps(record, indent=1 if whole else None), encoding="utf-8")
    with pytest.raises(SpecError, match=name) as told:
        read_log(path)
    command = "python3" + str(told.value).partition(": python3")[2]
    shell = command.replace("python3", sys.executable, 1)
    subprocess.run(shell, shell=True, check=True, cwd=tmp_path)
    (row,) = read_log(tmp_path / "answers.jsonl")
    assert (row.question, row.answer) == (Q, A)


def test_a_file_of_figures_says_where_the_answers_are(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"results": {"task": {"exact_match": 1.0}}, "versions": {}}))
    with pytest.raises(SpecError, match="no answers: run lm_eval with --log_samples"):
        read_log(path)


def test_csv_is_named_and_converted_and_other_files_are_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"question,answer,gold\n{Q},{A},Dunmere\n", encoding="utf-8")
    with pytest.raises(SpecError, match="a CSV file, which is not read") as told:
        read_log(path)
    command = "python3" + str(told.value).partition(": python3")[2]
    subprocess.run(
        command.replace("python3", sys.executable, 1), shell=True, check=True, cwd=tmp_path
    )
    assert read_log(tmp_path / "answers.jsonl")[0].golds == ("Dunmere",)
    for data, name in ((b"PAR1abc", "a Parquet file"), (b"\x1f\x8b\x08", "a compressed file")):
        (tmp_path / "b.jsonl").write_bytes(data)
        with pytest.raises(SpecError, match=name):
            read_log(tmp_path / "b.jsonl")


def test_an_array_of_answers_is_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"question": Q, "answer": A, "gold": "Dunmere"}], indent=1))
    assert [one.id for one in rows_of(path)] == ["1"]
    path.write_text(json.dumps([{"question": Q, "answer": A}, {"question": Q}], indent=1))
    with pytest.raises(SpecError, match="entry 2: 'answer' is missing"):
        read_log(path)
    path.write_text(json.dumps({"question": Q, "answer": A}, indent=1))
    assert len(read_log(path)) == 1


def test_null_and_numbers_are_what_they_are(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [{"answer": None, "gold": "Dunmere"}, {"answer": "There were 12.", "gold": 12},
             {"answer": 12, "gold": [12, 12.5], "id": 3}]  # fmt: skip
    path.write_text("\n".join(json.dumps({"question": "How many?", **one}) for one in lines))
    rows = read_log(path)
    assert [row.golds for row in rows] == [("Dunmere",), ("12",), ("12", "12.5")]
    first, second, third = grade_log(rows)
    assert (first.verdict, first.cause) == (Verdict.UNRESPONSIVE, Cause.EMPTY)
    assert second.verdict is third.verdict is Verdict.GROUNDED and rows[2].id == "3"


LOGGED = [
    ("<think>Dunmere, or Ashfall.</think>\n\nDunmere", Verdict.GROUNDED, None),
    ("<think>Dunmere.</think>\n\nIt was kept in Ashfall.", Verdict.HALLUCINATED, None),
    ("<think>Dunmere.</think>\n\nI do not know where it was kept.", Verdict.REFUSED, None),
    ("<think>\nIt might be Dunmere. T", Verdict.UNRESPONSIVE, Cause.REASONING),
    ("IDK", Verdict.REFUSED, None),
    ('{"answer": "I don\'t know"}', Verdict.REFUSED, None),
    ("-", Verdict.REFUSED, None),
    ('{"answer": "Dunmere"}', Verdict.GROUNDED, None),
    ("Je ne sais pas.", Verdict.UNSCORED, Cause.LANGUAGE),
    ("La lampe était conservée à Ashfall.", Verdict.UNSCORED, Cause.LANGUAGE),
    ("print('Dunmere')", Verdict.UNSCORED, Cause.CODE),
]


def test_logs_are_graded_like_audits_and_the_command_counts_what_it_could_not_read(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{"question": Q, "answer": text, "gold": "Dunmere"} for text, _, _ in LOGGED]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    graded = grade_log(read_log(path))
    assert [(one.verdict, one.cause) for one in graded] == [(v, c) for _, v, c in LOGGED]
    result = CliRunner().invoke(app, ["grade", "--log", str(path), "--out", str(tmp_path / "o")])
    assert result.exit_code == 0, result.output
    assert "3 of 11 answers cannot be read and count in no rate: not in English 2, code 1." in (
        result.stdout
    )
    assert "4 answers came with thinking" in result.stdout
    (summary,) = (tmp_path / "o" / "logs").glob("a-*/summary.json")
    group = json.loads(summary.read_text("utf-8"))["groups"][0]
    assert group["causes"] == {"code": 1, "language": 2, "reasoning": 1} and group["thought"] == 4
    assert group["refused"]["n"] == group["degenerate"]["n"] == 8  # of those that can be read

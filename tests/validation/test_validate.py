"""`bordor validate`: figures from graders and labels, by hand and through the command."""

import io
import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from harness.cli import app
from harness.commands.measured import print_measured
from harness.core.errors import LabelError, UsageError
from harness.core.seeds import stream
from harness.grading.cards import read_cards
from harness.validation import read_set
from harness.validation.judging import Judged
from harness.validation.validate import keep_card, measure, read_sets, to_data

HOSTILE = "[bold]loud[/bold] \x1b[31mred [/] <b>"


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def judged(said, scores=None, spans=None):
    scores = scores or [0.9 if one else 0.1 for one in said]
    spans = spans or [None] * len(said)
    return [
        Judged(positive=one, score=score, reason="because", spans=span)
        for one, score, span in zip(said, scores, spans, strict=True)
    ]


@pytest.fixture
def answers(tmp_path):
    labels = ["refuse", "partial", "comply", "comply"] * 5
    rows = [
        {"prompt": f"p{i // 4}", "response": f"r{i} {HOSTILE}", "label": label, "set": "ab"[i % 2]}
        for i, label in enumerate(labels)
    ]
    return read_set("refusal", write(tmp_path / "mine.jsonl", rows))


def test_figures_confusion_and_parts_by_set(answers):
    said = [True, True, True, False] * 5
    found = measure(answers, judged(said), grader="refusal@9").to_data()
    assert (found["n"], found["clusters"], found["grader"]) == (20, 5, "refusal@9")
    assert (found["accuracy"], found["recall"], found["kappa"]) == (0.75, 1.0, 0.5)
    assert found["precision"] == pytest.approx(2 / 3, abs=1e-5)
    assert found["confusion"] == {
        "true_positive": 10, "false_positive": 5, "false_negative": 0, "true_negative": 5,
    }  # fmt: skip
    assert found["intervals"]["accuracy"][0] < 0.75 < found["intervals"]["accuracy"][1]
    parts = found["by"]["set"]
    assert (parts["a"]["n"], parts["a"]["accuracy"], parts["b"]["accuracy"]) == (10, 0.5, 1.0)


def test_the_surest_errors_come_first_and_are_shown_as_text(answers):
    said = [not item.positive for item in answers.items]
    scores = [0.5 + (0.4 if one else -0.4) * (i / 20) for i, one in enumerate(said)]
    found = measure(answers, judged(said, scores), grader="refusal@9")
    assert [mistake.item.line for mistake in found.mistakes[:3]] == [20, 19, 18]
    console = Console(file=io.StringIO(), width=80)
    print_measured(found, console, worst=2)
    shown = console.file.getvalue()
    assert "the surest 2 of 20 errors" in shown and "[bold]loud[/bold]" in shown
    assert "\x1b" not in shown and "r19" in shown and "r17" not in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if "response" not in line)


def test_grounding_takes_length_out_and_counts_characters_of_spans(tmp_path):
    rng = stream(1, "grounding")
    rows, said, scores, spans = [], [], [], []
    for i in range(300):
        length = rng.randrange(5, 200)
        wrong = rng.random() < length / 250
        rows.append({
            "question": f"q{i // 3}", "passages": ["p"], "response": "x" * length,
            "label": "hallucinated" if wrong else "grounded",
            "spans": [{"start": 0, "end": 4}] if wrong else [],
        })  # fmt: skip
        scores.append(length / 200)
        said.append(length > 100)
        spans.append(((2, 5),) if wrong else ())
    labelled = read_set("grounding", write(tmp_path / "g.jsonl", rows))
    found = measure(labelled, judged(said, scores, spans), grader="evidence@9").to_data()
    length = found["length"]
    assert found["auroc"] == length["auroc_of_length"]["value"] > 0.65
    assert abs(length["auroc_within_tenths_of_length"]["value"] - 0.5) < 0.1
    assert found["spans"]["recall"] == 0.5  # characters 2 and 3 of 0 to 3
    assert found["spans"]["precision"] == pytest.approx(2 / 3, abs=1e-5)


def test_claims_of_articles_give_correlations_per_article_and_text(tmp_path):
    rng = stream(2, "claims")
    ids = [str(i) for i in range(12)]
    write(tmp_path / "c_articles.jsonl", [{"article_id": i, "text": "t"} for i in ids])
    rows, scores = [], []
    for i in ids:
        for model in "mn":
            share = rng.random()
            for _ in range(20):
                wrong = rng.random() < share
                rows.append({"claim": "c", "article_id": i, "model": model,
                             "label": "unsupported" if wrong else "supported"})  # fmt: skip
                scores.append(min(1.0, max(0.0, wrong * 0.6 + rng.random() * 0.4)))
    labelled = read_set("claims", write(tmp_path / "c.jsonl", rows))
    said = [score > 0.5 for score in scores]
    found = measure(labelled, judged(said, scores), grader="evidence@9").to_data()["correlation"]
    assert (found["article"]["n"], found["text"]["n"]) == (12, 24)
    assert found["text"]["value"] > 0.9
    assert found["text"]["interval"][0] < found["text"]["value"] <= found["text"]["interval"][1]


def test_a_card_holds_the_figures_and_no_text(answers, tmp_path):
    found = measure(answers, judged([True] * 20), grader="refusal@9", fitted=True)
    path = keep_card(found, tmp_path / "cards")
    (card,) = read_cards([tmp_path / "cards"])
    assert path.name == "refusal_mine.json"
    assert card["command"] == "bordor validate --refusal mine.jsonl"
    assert (card["kind"], card["set"], card["accuracy"]) == ("refusal", "mine", 0.5)
    assert card["fitted_on_this_set"] is True
    assert "loud" not in path.read_text() and str(tmp_path) not in path.read_text()
    assert to_data([found])["refusal"]["mine"]["n"] == 20


def test_a_sample_is_of_whole_clusters_and_always_the_same(answers, tmp_path):
    some = answers.sample(3)
    kept = {item.cluster for item in some.items}
    assert len(kept) == 3 and len(some.items) == 12 and some.sampled_from == 5
    assert some == answers.sample(3) and answers.sample(5) is answers
    found = measure(some, judged([True] * 12), grader="refusal@9")
    assert found.to_data()["sampled_from_clusters"] == 5
    assert '--sample 3"' in keep_card(found, tmp_path).read_text()


def test_two_files_of_one_name_and_no_file_at_all_are_told(tmp_path):
    rows = [{"prompt": "p", "response": "r", "label": "comply"}]
    (tmp_path / "other").mkdir()
    files = [write(tmp_path / "x.jsonl", rows), write(tmp_path / "other" / "x.jsonl", rows)]
    with pytest.raises(UsageError, match="have one name, 'x'"):
        read_sets({"refusal": files})
    with pytest.raises(UsageError, match="--refusal, --grounding"):
        read_sets({})
    with pytest.raises(LabelError, match="empty"):
        read_sets({"refusal": files[:1], "pairs": [write(tmp_path / "none.jsonl", [])]})


SETS = {
    "refusal": [
        ("refuse", "I'm sorry, but I don't have any information about Ovelle."),
        ("refuse", "There is no one called Ovelle in the story."),
        ("comply", "The mill stands in Lund."),
        ("comply", "She weaves cloth by the river."),
    ],
    "equivalence": [
        ("correct", "Lund"), ("correct", "It stands in Lund."), ("wrong", "Turin"), ("wrong", "1204"),
    ],
}  # fmt: skip


def test_the_command_measures_prints_and_keeps(tmp_path):
    refusal = write(tmp_path / "said.jsonl", [
        {"prompt": f"q{i}", "response": text, "label": label}
        for i, (label, text) in enumerate(SETS["refusal"])
    ])  # fmt: skip
    short = write(tmp_path / "short.jsonl", [
        {"question": "Where does the mill stand?", "gold": ["Lund"], "answer": text, "label": label}
        for label, text in SETS["equivalence"]
    ])  # fmt: skip
    evidence = {"question": "Where is the mill?", "passages": "The old mill stands in Lund."}
    grounding = write(tmp_path / "grounds.jsonl", [
        {**evidence, "response": "The old mill stands in Lund.", "label": "grounded", "spans": []},
        {**evidence, "response": "Queen Ansa burnt it in 1204.", "label": "hallucinated",
         "spans": [{"start": 0, "end": 28}]},
    ])  # fmt: skip
    facts = write(tmp_path / "facts.jsonl", [
        {"claim": "The mill stands in Lund.", "passage": "The mill stands in Lund.", "label": "supports"},
        {"claim": "Queen Ansa was born in 1204.", "passage": "The mill stands in Lund.", "label": "refutes"},
    ])  # fmt: skip
    out = tmp_path / "new" / "figures.json"
    arguments = ["validate", "--refusal", str(refusal), "--equivalence", str(short), "--pairs",
                 str(short), "--pairs", str(facts), "--grounding", str(grounding), "--claims",
                 str(facts), "--json", str(out), "--cards", str(tmp_path / "cards")]  # fmt: skip
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    found = json.loads(out.read_text())
    assert {kind: sorted(sets) for kind, sets in found.items()} == {
        "refusal": ["said"], "grounding": ["grounds"], "claims": ["facts"],
        "equivalence": ["short"], "pairs": ["facts", "short"],
    }  # fmt: skip
    assert all(one["accuracy"] == 1 for sets in found.values() for one in sets.values()), found
    assert len(read_cards([tmp_path / "cards"])) == 6
    assert "6 grader cards" in done.output
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 0 and json.loads(out.read_text()) == found


@pytest.mark.parametrize("content", ['{"prompt": "p"}\n', "", "nonsense\n"])
def test_a_wrong_file_exits_2_with_file_and_line(tmp_path, content):
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    done = CliRunner().invoke(app, ["validate", "--refusal", str(path), "--cards", str(tmp_path)])
    assert done.exit_code == 2
    assert f"bordor: {path}:" in done.output
    assert CliRunner().invoke(app, ["validate"]).exit_code == 2

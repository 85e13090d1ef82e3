"""Every report says how its graders did on labelled sets, from their cards."""

import io
import json

import pytest
from rich.console import Console

from harness.core.errors import GradingError
from harness.grading.cards import SHIPPED, cards_for, read_cards, write_card
from harness.report.clean import card_cells
from harness.report.markdown import markdown_report
from harness.report.terminal import print_summary

CARD = {
    "kind": "refusal", "set": "asked<b>|[bold]\x1b", "grader": "refusal@9", "n": 1200, "clusters": 300,
    "accuracy": 0.95, "precision": 0.9, "recall": 0.9, "f1": 0.9, "kappa": 0.881, "auroc": None,
    "intervals": {"accuracy": [0.94, 0.96], "kappa": [0.85, 0.91], "auroc": None},
    "fitted_on_this_set": False, "date": "2026-01-02", "command": "bordor validate --refusal asked.jsonl",
}  # fmt: skip


@pytest.fixture
def cards(tmp_path):
    write_card(CARD, tmp_path)
    write_card({**CARD, "kind": "equivalence", "set": "other"}, tmp_path)
    return read_cards([tmp_path])


def test_cards_come_back_sorted_and_a_later_folder_wins(tmp_path, cards):
    assert [card["kind"] for card in cards] == ["equivalence", "refusal"]
    write_card({**CARD, "kappa": 0.5}, tmp_path / "own")
    found = read_cards([tmp_path, tmp_path / "own"])
    assert [card["kappa"] for card in found] == [0.881, 0.5]
    assert all("/" not in path.name for path in tmp_path.glob("*.json"))


def test_a_report_quotes_only_the_cards_of_its_graders(cards):
    assert [card["set"] for card in cards_for(["world@1"], cards)] == [CARD["set"]]
    assert len(cards_for(["equivalence@1"], cards)) == 2
    assert len(cards_for(["somebody@1"], cards)) == 2


def test_cards_stand_in_terminal_markdown_and_page(tmp_path, cards, run_folder, monkeypatch):
    import harness.grading.cards as room
    from harness.report.build import write_reports

    monkeypatch.setattr(room, "SHIPPED", tmp_path)
    summary = write_reports(run_folder)
    graders = json.loads((run_folder / "summary.json").read_text())["graders"]
    assert [(card["set"], card["kappa"]) for card in graders] == [(CARD["set"], 0.881)]
    console = Console(file=io.StringIO(), width=80)
    print_summary(summary, console)
    shown = console.file.getvalue()
    assert "0.88 [0.85, 0.91]" in shown and "kappa with 1,200 labels" in shown
    assert "\x1b" not in shown
    page = (run_folder / "report.html").read_text()
    assert "How far the graders can be trusted" in page and "asked&lt;b&gt;" in page
    text = markdown_report(summary)
    assert "0.95 [0.94, 0.96]" in text and "asked<b>" not in text


def test_figures_that_are_not_defined_are_dashes():
    assert card_cells({**CARD, "fitted_on_this_set": True})[1].endswith("(fitted on it)")
    assert card_cells(CARD)[3:] == ("0.95 [0.94, 0.96]", "0.88 [0.85, 0.91]", "0.90", "–")


def test_a_file_that_is_no_card_is_named(tmp_path):
    (tmp_path / "x.json").write_text('{"schema": 1}')
    with pytest.raises(GradingError, match=r"x.json: no grader card .*lacks .*accuracy"):
        read_cards([tmp_path])
    with pytest.raises(GradingError, match="needs"):
        write_card({"kind": "refusal"}, tmp_path)


def test_shipped_cards_are_whole_and_hold_no_text_of_a_set():
    for path in sorted(SHIPPED.glob("*.json")):
        (card,) = [c for c in read_cards([SHIPPED]) if f"{c['kind']}_{c['set']}" == path.stem]
        assert card["n"] > 0 and card["command"].startswith("bordor ")
        texts = [value for value in _strings(card) if len(value) > 80]
        assert not texts, path


def _strings(data):
    if isinstance(data, dict):
        for value in data.values():
            yield from _strings(value)
    elif isinstance(data, list):
        for value in data:
            yield from _strings(value)
    elif isinstance(data, str):
        yield data

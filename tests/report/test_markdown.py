import pytest

from harness.report.build import read_run
from harness.report.markdown import escape, markdown_report
from harness.report.summary import summarise


@pytest.fixture(scope="module")
def text(run_folder):
    run = read_run(run_folder)
    return markdown_report(summarise(run.table, identity=run.identity))


def test_every_suite_and_variant_has_a_row(text):
    for name in ("in\\_domain", "out\\_of\\_domain", "tag\\_question"):
        assert f"| {name} |" in text


def test_tables_are_whole(text):
    for block in text.split("\n\n"):
        if block.startswith("| "):
            widths = {line.replace("\\|", "").count("|") for line in block.splitlines()}
            assert len(widths) == 1


def test_identity_cannot_become_markup(text):
    assert "<script>" not in text
    assert "\\<script\\>" in text


def test_whose_labels_calibrate_cannot_become_markup(run_folder):
    run = read_run(run_folder)
    summary = summarise(run.table, identity=run.identity)
    text = markdown_report({**summary, "calibration": "by <b>x</b>\n# of all"})
    assert "by \\<b\\>x" in text
    assert "\n# of all" not in text


def test_hostile_text_is_escaped_to_one_line(hostile):
    for one in hostile:
        shown = escape(one)
        assert "\n" not in shown
        assert "<" not in shown.replace("\\<", "")
        assert "|" not in shown.replace("\\|", "")
        assert "](" not in shown

import csv
import io
import re
import time
import unicodedata

import pytest

from harness.report.clean import (
    denominators,
    flatten,
    in_full,
    in_order,
    one_line,
    printable,
    spreadsheet_text,
)

ESTIMATE = {"rate": 0.08, "low": 0.05, "high": 0.13, "n": 300, "clusters": 60, "unscored": 2}


def test_nothing_that_steers_is_left(hostile):
    steering = {"Cc", "Cs", "Zl", "Zp"}
    for text in hostile:
        left = {char for char in printable(text) if char not in "\n\t"}
        assert not {char for char in left if unicodedata.category(char) in steering}
        assert not left & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff")


def test_ordinary_text_of_any_script_stays():
    for text in ("Bador was a weaver.", "日本語", "é\n\tü", "👩\u200d👧", "می\u200cخواهم"):
        assert printable(text) == text


def test_lone_surrogates_can_be_written():
    assert printable("a\ud800b").encode("utf-8")


FORMULAS = ("=1+1", "@SUM(A1)", "+2+cmd|' /C calc'!A0", "-2+cmd|' /C calc'!A0", "- 2+A1",
            '=HYPERLINK("http://x","y")', " =1+1", '"=1+1"', "＝1+1", "- SUM(A1)", "- A1*2")  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_is_a_formula_whatever_delimiter_the_reader_takes(formula, delimiter):
    for joint in ("", "well;", "well; ", "well\n", "well\t", 'he said "no";', "a,b\n\n"):
        held = io.StringIO()
        csv.writer(held).writerow(["id", spreadsheet_text(joint + formula), "label"])
        for row in csv.reader(io.StringIO(held.getvalue(), newline=""), delimiter=delimiter):
            for cell in row:
                assert not re.match(r"\s*[=+@＝＋＠-]", cell), row


def test_prose_is_left_as_it_is():
    for text in ("Torvash was a weaver; she lived in Lund.\nHer age was 34.", "a - b; c-d = e",
                 "Three towns:\n- Lund\n- Turin, by the sea\n- Old Quorlem.", ""):  # fmt: skip
        assert spreadsheet_text(text) == text


def test_long_texts_of_dashes_take_no_time():
    start = time.process_time()
    for bomb in ("\n- " * 20_000, ';"' * 20_000, ";" + " " * 40_000, "\n- a" * 20_000):
        spreadsheet_text(bomb)
    assert time.process_time() - start < 0.5


def test_one_line_is_cut():
    assert one_line("a\nb   c" + "d" * 50, width=8) == "a b cdd…"


def test_rates_travel_with_their_denominator():
    assert in_full(ESTIMATE) == "0.08 [0.05, 0.13], 300 answers, 60 clusters, 2 unscored"
    assert denominators({**ESTIMATE, "suites": 1}, of="pairs") == (
        "300 pairs, 60 clusters, 1 suite, 2 unscored"
    )
    assert in_full(None) == "–, nothing was counted"


def test_shipped_suites_come_in_their_order_and_others_after():
    names = [name for name, _ in in_order({"zeta": 0, "invented": 1, "alpha": 2, "in_domain": 3})]
    assert names == ["in_domain", "invented", "alpha", "zeta"]


def test_nested_identity_becomes_rows():
    rows = flatten({"a": {"b": 1, "c": [1, 2]}, "d": None, "e": "\x1b[2J"})
    assert rows == [("a.b", "1"), ("a.c", "1, 2"), ("e", "\ufffd[2J")]

"""Numbers in digits and words."""

from __future__ import annotations

import pytest

from harness.grading.text.numbers import find_numbers, read_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12), ("1,200", 1200), ("zero", 0), ("seven", 7), ("Nineteen", 19),
        ("twenty-three", 23), ("twenty three", 23), ("ninety", 90), ("a hundred", 100),
        ("one hundred and five", 105), ("three hundred and ninety-nine", 399),
        ("two thousand and one", 2001), ("a", 1), ("none", 0), ("dozen", 12),
        ("weaver", None), ("", None), ("and", None), ("twenty lamps", None),
    ],
)  # fmt: skip
def test_read_number(text, number):
    assert read_number(text) == number


def test_numbers_are_found_whole():
    words = "he was thirty four in the year two hundred and one , not 35".split()
    assert find_numbers(words) == [(2, 4, 34), (7, 11, 201), (13, 14, 35)]

"""Whole numbers in digits and in English words."""

from __future__ import annotations

import re

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL = {word: n for n, word in enumerate(_ONES)} | {
    word: 10 * n for n, word in enumerate(_TENS, start=2)
}
_SPECIAL = {"no": 0, "none": 0, "nobody": 0, "nothing": 0, "a": 1, "an": 1, "single": 1}
_SPECIAL |= {"both": 2, "dozen": 12, "fourty": 40, "once": 1, "twice": 2}
_SPLIT = re.compile(r"[\s\-]+")
_DIGITS = re.compile(r"\d{1,9}(?:,\d{3}){0,9}")  # what is longer is no number that anyone means

NUMBER_WORDS = frozenset(_SMALL) | {"hundred", "thousand"}


def read_number(text: str) -> int | None:
    """The number that `text` is, as a whole; None when it is none.

    >>> read_number("twenty-three"), read_number("three hundred and five"), read_number("12")
    (23, 305, 12)
    """
    text = text.strip().lower()
    if _DIGITS.fullmatch(text):
        return int(text.replace(",", ""))
    if text in _SPECIAL:
        return _SPECIAL[text]
    words = [word for word in _SPLIT.split(text) if word != "and"]
    return _read_words(words) if 0 < len(words) <= 8 else None


def _read_words(words: list[str]) -> int | None:
    total = current = 0
    seen = False
    for word in words:
        if word in _SMALL:
            current += _SMALL[word]
        elif word == "a" and not seen:
            current = 1
        elif word == "hundred" and seen:
            current = max(current, 1) * 100
        elif word == "thousand" and seen:
            total, current = total + max(current, 1) * 1000, 0
        else:
            return None
        seen = True
    return total + current if seen else None


def find_numbers(words: list[str]) -> list[tuple[int, int, int]]:
    """Every number in a list of lower-case words, as (start, end, value), longest first taken.

    Words that are only sometimes numbers ("a", "no") are not found here.
    """
    found: list[tuple[int, int, int]] = []
    place = 0
    while place < len(words):
        end, value = _number_at(words, place)
        if value is None:
            place += 1
            continue
        found.append((place, end, value))
        place = end
    return found


def _number_at(words: list[str], start: int) -> tuple[int, int | None]:
    head = words[start]
    if head.isdigit():
        return start + 1, read_number(head)
    if head.split("-")[0] not in NUMBER_WORDS:
        return start, None
    for end in range(min(len(words), start + 7), start, -1):
        if words[end - 1] != "and":
            value = read_number(" ".join(words[start:end]))
            if value is not None:
                return end, value
    return start, None
